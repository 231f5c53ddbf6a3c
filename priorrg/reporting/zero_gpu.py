"""Hugging Face's ZeroGPU: a call of the model runs in a worker process that is lent a GPU while it lasts.

Off ZeroGPU nothing here does anything. On it the worker is a fork of the app: only picklable values go in and come
out, nothing that the worker changes is seen here, and what is changed here after the fork is not seen there. So the
model is loaded once, before the first call; a threading.Event stays on this side; errors for a reader cross as values.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from priorrg.errors import PriorRGError
from priorrg.study import Study

IS_ON = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")  # as the package `spaces` reads it
SECONDS = 30  # what one call asks for; it counts against the visitor's quota only as long as the call really takes

if IS_ON:
    import spaces  # before CUDA is used; it makes torch say that there is a GPU

_reporters: dict[int, Any] = {}  # a worker, being a fork, finds them under the same numbers


@dataclass(frozen=True)
class _Raised:
    """An error for a reader on its way out of the worker, which would pass on no more than its class."""

    error: PriorRGError


def on_gpu(stopped: Callable[[list[Any]], Any] | None = None) -> Callable[[Any], Any]:
    """Decorator for a function or generator whose first argument is the Reporter and which calls the model.

    All other arguments and all results must be picklable and on the CPU. stopped: for a generator with an argument
    `stop` (threading.Event or None): makes its last event out of those that came before. `stop` is then looked at here
    after every event, and the worker ends with the event that it is at.
    """

    def decorate(function: Any) -> Any:
        if not IS_ON:
            return function
        return _generator(function, stopped) if inspect.isgeneratorfunction(function) else _function(function)

    return decorate


def _asked(signature: inspect.Signature, args: tuple, kwargs: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """The reader's number and the other arguments by name."""
    arguments = dict(signature.bind(*args, **kwargs).arguments)
    reporter = arguments.pop(next(iter(signature.parameters)))
    _reporters[id(reporter)] = reporter
    return id(reporter), arguments


def _forget(number: int, arguments: dict[str, Any]) -> None:
    """The worker outlives the session, and nobody could tell it later to forget what it saw in the images."""
    studies = [value for value in arguments.values() if isinstance(value, Study)]
    images = [image for study in studies for image in (study.current, study.prior) if image is not None]
    _reporters[number].forget([image.fingerprint for image in images])


def _function(function: Any) -> Any:
    signature = inspect.signature(function)

    @spaces.GPU(duration=SECONDS)
    def work(number: int, box: list[dict[str, Any]]) -> Any:
        arguments = box.pop()  # the emptied box is all that the worker holds on to
        try:
            return function(_reporters[number], **arguments)
        except PriorRGError as error:
            return _Raised(error)
        finally:
            _forget(number, arguments)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        number, arguments = _asked(signature, args, kwargs)
        arguments.pop("stop", None)  # an event of this side, which the worker cannot see
        result = work(number, [arguments])
        if isinstance(result, _Raised):
            raise result.error
        return result

    return call


def _generator(function: Any, stopped: Callable[[list[Any]], Any] | None) -> Any:
    signature = inspect.signature(function)

    @spaces.GPU(duration=SECONDS)
    def work(number: int, box: list[dict[str, Any]]) -> Generator[Any, None, None]:
        arguments = box.pop()
        try:
            yield from function(_reporters[number], **arguments)
        except PriorRGError as error:
            yield _Raised(error)
        finally:
            _forget(number, arguments)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Iterator[Any]:
        number, arguments = _asked(signature, args, kwargs)
        stop = arguments.pop("stop", None)
        events, seen = work(number, [arguments]), []
        try:
            for event in events:
                if isinstance(event, _Raised):
                    raise event.error
                if stopped is not None and stop is not None and stop.is_set():
                    yield stopped(seen)
                    return
                seen.append(event)
                yield event
        finally:
            events.close()

    return call


def start(page: Any, port: int) -> None:
    """To be called once, when the page is built and the model loaded: reports to ZeroGPU and hands the weights over.

    The package does this by itself only in apps that Gradio launches; ours is mounted. page: gr.Blocks.
    """
    if IS_ON:
        from spaces import zero

        # Where the package looks for the port whose connections a worker must not keep open.
        page.server = SimpleNamespace(config=SimpleNamespace(port=port))
        zero.startup()  # type: ignore[attr-defined]
