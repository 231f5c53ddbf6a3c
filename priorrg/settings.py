"""Settings of the app, read once at start from the environment and the command line.

One field is one setting: PRIORRG_ and its name in capitals as a variable, two dashes and its name as a flag of app.py.
The README's table is checked against this class. No setting holds a secret, so all may be printed; a file of
passwords is named here and read in ui/login.py.
"""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from priorrg.errors import PriorRGError

ON_SPACES = "SPACE_ID" in os.environ
LOG_LEVELS = ("critical", "error", "warning", "info", "debug")


class SettingsError(PriorRGError):
    """A setting in the environment or on the command line cannot be used."""


def _about(meaning: str, **limits: int) -> dict[str, Any]:
    """What a field sets, for --help; limits: `least` and `most` of a number."""
    return {"meaning": meaning, **limits}


@dataclass(frozen=True)
class Settings:
    """The settings that the app was started with. An empty text is a setting that is not set."""

    weights: str = field(default="", metadata=_about("folder or hub repository; empty: the embedded weights"))
    host: str = field(default="0.0.0.0" if ON_SPACES else "127.0.0.1", metadata=_about("address to serve on"))
    port: int = field(default=7860, metadata=_about("port", least=1, most=65535))
    root_path: str = field(
        default="", metadata=_about("where a proxy shows the app: a path such as /reading, or a whole address")
    )
    auth: str = field(
        default="", metadata=_about("file of who may log in, name:password or name:hash a line; empty: no login")
    )
    feedback: Path = field(default=Path("feedback/feedback.sqlite3"), metadata=_about("feedback database"))
    max_upload_mb: int = field(default=100, metadata=_about("largest file", least=1))
    origins: str = field(default="", metadata=_about("other sites that may call the API, comma-separated"))
    session_minutes: int = field(default=120, metadata=_about("idle sessions are forgotten after", least=1))
    queue_size: int = field(default=20, metadata=_about("how many readings may wait for the model", least=1))
    threads: int = field(
        default=0, metadata=_about("CPU threads of the model; 0: as many as torch thinks right", least=0)
    )
    log_level: str = field(default="warning", metadata=_about("what the server logs: " + ", ".join(LOG_LEVELS)))

    @classmethod
    def from_environment(cls) -> Settings:
        """Raises SettingsError, with the variable's name, for a value that cannot be used."""
        return cls.read([])

    @classmethod
    def read(cls, arguments: Sequence[str]) -> Settings:
        """From the command line (without the program's name) and, where it says nothing, the environment.

        Raises SettingsError, with the name of the flag or the variable; exits for --help and for unknown flags.
        """
        parser = argparse.ArgumentParser(
            prog="python app.py",
            description="Serve the PriorRG page. Every flag is also an environment variable; a flag wins over it.",
            allow_abbrev=False,
        )
        for one in fields(cls):
            parser.add_argument(
                _flag(one.name), dest=one.name, help=f"{one.metadata['meaning']} (also {_variable(one.name)})"
            )
        given = vars(parser.parse_args(arguments))
        values = {}
        for one in fields(cls):
            name, text = _flag(one.name), given[one.name]
            if text is None:
                name, text = _variable(one.name), os.environ.get(_variable(one.name))
            if text is not None:
                values[one.name] = _value(one.name, name, text, one.default, one.metadata)
        return cls(**values)

    def check_address(self) -> None:
        """Raises SettingsError where nothing can be served at host and port, before the weights are loaded for it."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server does
            try:
                probe.bind((self.host, self.port))
            except (OSError, UnicodeError) as error:
                why = getattr(error, "strerror", None) or error
                raise SettingsError(
                    f"Nothing can be served at {self.host}, port {self.port} ({why}). Stop the program that is there, "
                    f"or start with another port: python app.py --port {self.port % 65535 + 1}"
                ) from None


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _variable(name: str) -> str:
    return f"PRIORRG_{name.upper()}"


def _value(setting: str, name: str, text: str, default: Any, limits: Any) -> Any:
    """What `text` says, of the default's kind. name: the flag or variable that it came from."""
    if isinstance(default, int):
        try:
            number = int(text)
        except ValueError:
            raise SettingsError(f"{name} is {text!r}, but it must be a whole number.") from None
        if number < limits.get("least", number):
            raise SettingsError(f"{name} is {number}, but it must be at least {limits['least']}.")
        if number > limits.get("most", number):
            raise SettingsError(f"{name} is {number}, but it must be at most {limits['most']}.")
        return number
    text = text.strip()
    if isinstance(default, Path):
        if not text:
            raise SettingsError(f"{name} is empty, but it must name a file.")
        return Path(text)
    if setting == "log_level":
        text = text.lower()
        if text not in LOG_LEVELS:
            raise SettingsError(f"{name} is {text!r}, but it must be one of {', '.join(LOG_LEVELS)}.")
    if setting == "root_path":
        text = text.rstrip("/")
        if text and not text.startswith(("/", "http://", "https://")):
            raise SettingsError(
                f"{name} is {text!r}, but it must be a path that begins with / or an address with http:// or https://."
            )
    if setting == "host" and not text:
        raise SettingsError(f"{name} is empty, but it must be an address, such as 127.0.0.1.")
    return text
