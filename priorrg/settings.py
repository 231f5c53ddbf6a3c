"""Settings of the app, read from the environment once at start. The README's table is checked against this class."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from priorrg.errors import PriorRGError

ON_SPACES = "SPACE_ID" in os.environ


class SettingsError(PriorRGError):
    """A setting in the environment cannot be used."""


@dataclass(frozen=True)
class Settings:
    """One field, one variable: PRIORRG_ and the field's name in capitals.

    weights: folder or hub repository; empty = the embedded weights. host, port: where the page is served.
    feedback: database file. max_upload_mb: largest file that is taken. origins: other sites that may call the API,
    comma-separated. session_minutes: uploads of a session that has done nothing for so long are forgotten.
    """

    weights: str = ""
    host: str = "0.0.0.0" if ON_SPACES else "127.0.0.1"
    port: int = 7860
    feedback: Path = Path("feedback/feedback.sqlite3")
    max_upload_mb: int = 100
    origins: str = ""
    session_minutes: int = 120

    @classmethod
    def from_environment(cls) -> Settings:
        """Raises SettingsError, with the variable's name, for a value of the wrong kind."""
        values = {}
        for field in fields(cls):
            name = f"PRIORRG_{field.name.upper()}"
            text = os.environ.get(name)
            if text is None:
                continue
            kind = type(field.default)
            try:
                values[field.name] = Path(text) if isinstance(field.default, Path) else kind(text)
            except ValueError:
                raise SettingsError(f"{name} is {text!r}, but it must be a whole number.") from None
        settings = cls(**values)
        for name in ("port", "max_upload_mb", "session_minutes"):
            if getattr(settings, name) < 1:
                raise SettingsError(f"PRIORRG_{name.upper()} is {getattr(settings, name)}, but it must be at least 1.")
        if settings.port > 65535:
            raise SettingsError(f"PRIORRG_PORT is {settings.port}, but ports end at 65535.")
        if settings.feedback == Path():
            raise SettingsError("PRIORRG_FEEDBACK is empty, but it must name a file.")
        return settings
