"""Radiographs on their way between two processes: frames of JSON and raw numbers.

What comes in is checked against the types of the fields and nothing of it is run, as a pickle would be: the other side
has just decoded what nobody vouches for.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
import struct
import types
import typing
from functools import cache
from typing import IO, Any

import numpy as np

_HEAD = struct.Struct("<IQ")  # bytes of JSON, bytes of what follows it
_MOST_JSON = 1 << 20
_NUMBERS = ("uint8", "uint16")


def send(file: IO[bytes], said: dict[str, Any], *bodies: Any) -> None:
    """Write one frame. bodies: bytes or C-contiguous arrays, one after the other."""
    text = json.dumps(said).encode()
    views = [memoryview(body).cast("B") for body in bodies if memoryview(body).nbytes]
    file.write(_HEAD.pack(len(text), sum(len(view) for view in views)) + text)
    for view in views:
        file.write(view)
    file.flush()


def receive(file: IO[bytes], most: int) -> tuple[dict[str, Any], bytearray]:
    """Read one frame whose body has at most `most` bytes. Raises EOFError where it ends early, ValueError."""
    text_size, body_size = _HEAD.unpack(_exactly(file, _HEAD.size))
    if text_size > _MOST_JSON or body_size > most:
        raise ValueError("a frame is larger than may be")
    said = json.loads(bytes(_exactly(file, text_size)))
    if not isinstance(said, dict):
        raise ValueError("a frame says something else than fields")
    return said, _exactly(file, body_size)


def _exactly(file: IO[bytes], size: int) -> bytearray:
    data = bytearray(size)
    if file.readinto(data) != size:  # type: ignore[attr-defined]
        raise EOFError
    return data


def to_plain(value: Any, arrays: list[np.ndarray]) -> Any:
    """A dataclass of plain fields as JSON has it; its arrays are appended to `arrays`, each once, and stand there by
    number."""
    if dataclasses.is_dataclass(value):
        fields = [field.name for field in dataclasses.fields(value) if field.init]
        return {name: to_plain(getattr(value, name), arrays) for name in fields}
    if isinstance(value, np.ndarray):
        known = [number for number, array in enumerate(arrays) if array is value]
        arrays += [] if known else [value]
        return known[0] if known else len(arrays) - 1
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (tuple, list)):
        return [to_plain(one, arrays) for one in value]
    if isinstance(value, dict):
        return {key: to_plain(one, arrays) for key, one in value.items()}
    if isinstance(value, np.generic):
        return value.item()
    return value


def described(arrays: list[np.ndarray]) -> list[dict[str, Any]]:
    """What the other side has to know of arrays, beside their numbers one after the other."""
    return [{"shape": list(array.shape), "dtype": array.dtype.name} for array in arrays]


def from_plain(hint: Any, plain: Any, described: Any, body: bytearray) -> Any:
    """What `to_plain` made, again an object of the type `hint`. body: of the arrays, one after the other.

    Raises ValueError where these do not fit together.
    """

    def taken(hint: Any, plain: Any) -> Any:
        origin, inside = typing.get_origin(hint), typing.get_args(hint)
        if origin in (typing.Union, types.UnionType):
            if plain is None and type(None) in inside:
                return None
            (hint,) = (one for one in inside if one is not type(None))
            return taken(hint, plain)
        if hint is np.ndarray:
            return dict(enumerate(arrays))[plain]
        if dataclasses.is_dataclass(hint):
            hints = _hints(hint)
            if set(_of(dict, plain)) != set(hints):
                raise ValueError("other fields")
            return hint(**{name: taken(hints[name], plain[name]) for name in hints})  # type: ignore[operator]
        if origin is tuple:
            each = inside[:1] * len(_of(list, plain)) if inside[-1] is Ellipsis else inside
            return tuple(taken(one, value) for one, value in zip(each, plain, strict=True))
        if origin is list:
            return [taken(inside[0], value) for value in _of(list, plain)]
        if origin is dict:
            return {_of(str, key): taken(inside[1], value) for key, value in _of(dict, plain).items()}
        if hint in (datetime.date, datetime.time):
            return hint.fromisoformat(_of(str, plain))
        if hint is float and isinstance(plain, (int, float)) and not isinstance(plain, bool):
            return float(plain)
        if hint is int and isinstance(plain, bool):
            raise ValueError("another type")
        return _of(hint, plain)

    try:
        arrays = _arrays(described, body)
        return taken(hint, plain)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("another type") from error


def _arrays(described: Any, body: bytearray) -> list[np.ndarray]:
    rest, found = memoryview(body), []
    for one in _of(list, described):
        shape, kind = tuple(_of(int, edge) for edge in _of(list, one["shape"])), one["dtype"]
        size = math.prod(shape) * np.dtype(kind).itemsize if kind in _NUMBERS else -1
        if size < 0 or min(shape, default=0) < 0 or size > len(rest):
            raise ValueError("an array of another size")
        found.append(np.frombuffer(rest[:size], kind).reshape(shape))
        rest = rest[size:]
    if len(rest):
        raise ValueError("numbers that belong to no array")
    return found


def _of(kind: Any, value: Any) -> Any:
    if not isinstance(value, kind):
        raise ValueError("another type")
    return value


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init}
