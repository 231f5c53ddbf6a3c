"""What the vision encoder saw in an image, computed once and remembered until somebody says to forget it.

Images are known by the digest of their pixels (Radiograph.fingerprint). Nothing here takes the reader's lock: an image
is encoded beside the writing of a report and never holds it up.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from typing import NamedTuple

import torch

from priorrg.reporting.stopping import Stop
from priorrg.study import Radiograph


class SeenImage(NamedTuple):
    """What a reading needs of an image, (1, P, H) each: the last hidden state, and all layers fused into one.

    The layers themselves, six times as much, are needed by the gradient alone (Reporter.layers).
    """

    last: torch.Tensor
    fused: torch.Tensor


class ImageFeatures:
    """A bounded memory of features, in which no image is encoded twice at once.

    encode: begins to compute them. most: images remembered; the one that was not asked for longest goes first.
    """

    def __init__(self, encode: Callable[[Radiograph], Future[SeenImage]], most: int):
        self._encode = encode
        self._most = most
        self._features: OrderedDict[str, SeenImage] = OrderedDict()
        self._encoding: dict[str, Future[SeenImage]] = {}
        self._lock = threading.Lock()

    def of(self, radiograph: Radiograph) -> SeenImage:
        """Features of an image; who asks while it is being encoded waits for that."""
        return self._begin(radiograph).result()

    def _begin(self, radiograph: Radiograph) -> Future[SeenImage]:
        key, ours = radiograph.fingerprint, Future[SeenImage]()
        with self._lock:
            found, running = self._features.get(key), self._encoding.get(key)
            if found is not None:
                self._features.move_to_end(key)
                ours.set_result(found)
                return ours
            if running is not None:
                return running
            self._encoding[key] = ours
        try:
            self._encode(radiograph).add_done_callback(partial(self._end, key, ours))
        except BaseException as error:  # nothing could begin
            with self._lock:
                self._take_down(key, ours)
            ours.set_exception(error)
        return ours

    def _end(self, key: str, ours: Future[SeenImage], encoded: Future[SeenImage]) -> None:
        error = encoded.exception()
        with self._lock:
            if self._take_down(key, ours) and error is None:  # else it was forgotten meanwhile
                self._features[key] = encoded.result()
                while len(self._features) > self._most:
                    self._features.popitem(last=False)
        if error is not None:
            ours.set_exception(error)
        else:
            ours.set_result(encoded.result())

    def _take_down(self, key: str, ours: Future[SeenImage]) -> bool:
        if self._encoding.get(key) is not ours:
            return False
        del self._encoding[key]
        return True

    def wait(self, radiograph: Radiograph, stop: Stop) -> bool:
        """Have an image encoded; False as soon as `stop` is set, and then the encoding ends by itself."""
        encoding, changed = self._begin(radiograph), threading.Event()
        encoding.add_done_callback(lambda _: changed.set())
        with stop.telling(changed.set):
            if not stop.is_set():  # what was set before tells nobody
                changed.wait()
        if stop.is_set():
            return False
        encoding.result()  # raises what encoding it raised
        return True

    def if_wanted(self, radiograph: Radiograph, is_wanted: Callable[[], bool]) -> None:
        """Encode an image if it is still wanted; what is no longer wanted when it is ready is forgotten."""
        if is_wanted():
            self.of(radiograph)
        if not is_wanted():
            self.forget([radiograph.fingerprint])

    def forget(self, fingerprints: Iterable[str]) -> None:
        """Drop these images, also those that are being encoded just now."""
        with self._lock:
            for key in fingerprints:
                self._features.pop(key, None)
                self._encoding.pop(key, None)

    def holds(self, radiograph: Radiograph) -> bool:
        with self._lock:
            return radiograph.fingerprint in self._features
