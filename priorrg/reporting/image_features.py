"""What the vision encoder saw in an image, computed once and remembered until somebody says to forget it.

Images are known by the digest of their pixels (Radiograph.fingerprint). Nothing here takes the reader's lock: an image
is encoded beside the writing of a report and never holds it up.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor

from priorrg.model.vision import VisionFeatures
from priorrg.study import Radiograph

LOOK_AT_STOP_S = 0.05  # how often whoever waits for an image looks whether it was stopped


class ImageFeatures:
    """A bounded memory of features, in which no image is encoded twice at once.

    encode: computes them. most: images remembered; the one that was not asked for longest goes first.
    """

    def __init__(self, encode: Callable[[Radiograph], VisionFeatures], most: int):
        self._encode = encode
        self._most = most
        self._features: OrderedDict[str, VisionFeatures] = OrderedDict()
        self._encoding: dict[str, Future[VisionFeatures]] = {}
        self._lock = threading.Lock()
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="encoding ahead")

    def of(self, radiograph: Radiograph) -> VisionFeatures:
        """Features of an image; who asks while it is being encoded waits for that."""
        key = radiograph.fingerprint
        with self._lock:
            found = self._features.get(key)
            if found is not None:
                self._features.move_to_end(key)
                return found
            running = self._encoding.get(key)
            ours: Future[VisionFeatures] = Future()
            if running is None:
                self._encoding[key] = ours
        if running is not None:
            return running.result()
        try:
            features = self._encode(radiograph)
        except BaseException as error:
            with self._lock:
                self._take_down(key, ours)
            ours.set_exception(error)
            raise
        with self._lock:
            if self._take_down(key, ours):  # else it was forgotten meanwhile
                self._features[key] = features
                while len(self._features) > self._most:
                    self._features.popitem(last=False)
        ours.set_result(features)
        return features

    def _take_down(self, key: str, ours: Future[VisionFeatures]) -> bool:
        if self._encoding.get(key) is not ours:
            return False
        del self._encoding[key]
        return True

    def wait(self, radiograph: Radiograph, stop: threading.Event) -> bool:
        """Have an image encoded; False as soon as `stop` is set, and then the encoding ends by itself."""
        if self.holds(radiograph):
            return not stop.is_set()
        done = threading.Event()
        failures: list[BaseException] = []

        def work() -> None:
            try:
                self.of(radiograph)
            except BaseException as error:  # handed to whoever waits, who raises it
                failures.append(error)
            finally:
                done.set()

        threading.Thread(target=work, name="encoding", daemon=True).start()
        while not done.wait(LOOK_AT_STOP_S):
            if stop.is_set():
                return False
        if failures:
            raise failures[0]
        return not stop.is_set()

    def ahead(self, radiograph: Radiograph, is_wanted: Callable[[], bool]) -> Future[None]:
        """Encode an image in the background, one after another, if it is still wanted when its turn comes.

        What is no longer wanted when it is ready is forgotten. A failure is no one's yet: whoever asks for the image
        meets it again.
        """

        def work() -> None:
            if is_wanted():
                self.of(radiograph)
            if not is_wanted():
                self.forget([radiograph.fingerprint])

        return self._ahead.submit(work)

    def forget(self, fingerprints: Iterable[str]) -> None:
        """Drop these images, also those that are being encoded just now."""
        with self._lock:
            for key in fingerprints:
                self._features.pop(key, None)
                self._encoding.pop(key, None)

    def holds(self, radiograph: Radiograph) -> bool:
        with self._lock:
            return radiograph.fingerprint in self._features
