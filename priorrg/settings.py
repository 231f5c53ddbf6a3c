"""Settings of the app, read once at start from the environment and the command line by pydantic-settings.

One field is one setting: PRIORRG_ and its name in capitals as a variable, two dashes and its name as a flag of
`priorrg app` and app.py, which wins. The table of settings in the documents is checked against this class. No setting
holds a secret but the password in a database's address, which is left out where they are printed; a file of passwords
is named here and read in ui/login.py.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from priorrg.errors import PriorRGError
from priorrg.model.precisions import FLOAT32, Precision

ON_SPACES = "SPACE_ID" in os.environ
PREFIX = "PRIORRG_"


class SettingsError(PriorRGError):
    """A setting in the environment or on the command line cannot be used."""


def _names_in(text: Any) -> Any:
    return tuple(filter(None, (name.strip() for name in text.split(",")))) if isinstance(text, str) else text


def _as_file(text: Any) -> Any:
    if not str(text).strip():
        raise ValueError("name a file")
    return Path(str(text).strip()).expanduser()  # no shell stands between a container's variable and its value


def _as_host(text: str) -> str:
    if not text.strip():
        raise ValueError("be an address, such as 127.0.0.1")
    return text


def _as_root_path(text: str) -> str:
    text = text.strip().rstrip("/")
    if text and not text.startswith(("/", "http://", "https://")):
        raise ValueError("be a path that begins with / or an address with http:// or https://")
    return text


def _as_origins(text: Any) -> Any:
    origins = tuple(name.rstrip("/") for name in _names_in(text))  # a browser names a site without the slash
    if not all(origin.partition("://")[0] in ("http", "https") and origin.count("/") == 2 for origin in origins):
        raise ValueError("name sites, each with http:// or https:// and without a path, with commas between them")
    return origins


def _as_networks(text: Any) -> Any:
    for name in (networks := _names_in(text)):
        try:
            if name != "*":
                ipaddress.ip_network(name, strict=False)
        except ValueError:
            raise ValueError("name addresses, networks such as 10.0.0.0/8, or *, with commas between them") from None
    return networks


def _as_listener(text: str) -> str:
    host, _, port = text.strip().rpartition(":")
    if text.strip() and not (host and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError("be HOST:PORT, such as 127.0.0.1:9100")
    return text


# In these the message of a ValueError goes on from '... is VALUE, but it must ...'.
File = Annotated[Path, BeforeValidator(_as_file)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names_in)]  # comma-separated
Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_as_origins)]
LogLevel = Annotated[Literal["critical", "error", "warning", "info", "debug"], BeforeValidator(lambda t: t.lower())]


class Settings(BaseSettings):
    """Serve the PriorRG page. Every flag is also an environment variable; a flag wins over it."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        str_strip_whitespace=True,
        cli_kebab_case=True,
        cli_show_env_vars=True,
        cli_avoid_json=True,
    )

    weights: str = Field(
        "", description="published, embedded, a folder or a hub repository; empty: those of `priorrg weights use`"
    )
    report_tokens: int = Field(
        0, ge=0, description="most tokens of a report; 0: as the weights have it (published: 100)"
    )
    precision: Precision = Field(
        FLOAT32, description="bits to compute with: bfloat16 for the image encoder, int8 for the decoder, or float32"
    )
    host: Annotated[str, BeforeValidator(_as_host)] = Field(
        "0.0.0.0" if ON_SPACES else "127.0.0.1", description="address to serve on"
    )
    port: int = Field(7860, ge=1, le=65535, description="port")
    root_path: Annotated[str, BeforeValidator(_as_root_path)] = Field(
        "", description="where a proxy shows the app: a path such as /reading, or a whole address"
    )
    auth: str = Field("", description="file of who may log in, name:password or name:hash a line; empty: no login")
    feedback: File = Field(Path("feedback/feedback.sqlite3"), description="feedback database")
    session_folder: File = Field(Path("sessions"), description="folder of the protocols of feedback sessions")
    session_database: str = Field(
        "", description="database of all sessions, as a URL (postgresql://...); empty: a file in each one's folder"
    )
    session_dataset: str = Field(
        "",
        description="private data set on the hub, OWNER/NAME, that gets a copy of the sessions' answers; empty: none",
    )
    max_upload_mb: int = Field(100, ge=1, description="largest file")
    origins: Origins = Field((), description="other sites that may call the API, comma-separated")
    embed: Origins = Field(
        ("https://huggingface.co",) if ON_SPACES else (),
        description="other sites that may show the page in a frame, comma-separated",
    )
    hosts: Names = Field(
        tuple(filter(None, [os.environ.get("SPACE_HOST")])),
        description="names under which the page is reached, comma-separated; its address and localhost always are",
    )
    proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_as_networks)] = Field(
        ("*",) if ON_SPACES else ("127.0.0.1", "::1"),
        description="proxies that are believed on who asks, as addresses or networks, comma-separated",
    )
    upload_quota_mb: int = Field(2000, ge=1, description="disk for the uploads of all readers together")
    sessions: int = Field(100, ge=1, description="how many open pages the server holds something for")
    metrics: Annotated[str, BeforeValidator(_as_listener)] = Field(
        "", description="HOST:PORT at which Prometheus is answered; empty: nowhere"
    )
    session_minutes: int = Field(120, ge=1, description="idle sessions are forgotten after")
    away_minutes: float = Field(30, gt=0, description="a page whose connection broke, or that was closed, is kept for")
    queue_size: int = Field(20, ge=1, description="how many readings may wait for the model")
    at_once: int = Field(
        0, ge=0, description="how many readings are written at once; 0: 16, or fewer where the weights are large"
    )
    hold_draft: float = Field(
        1.0, ge=0, le=10, description="seconds that the page shows a draft at least before the report takes its place"
    )
    threads: int = Field(0, ge=0, description="CPU threads of the model; 0: torch's choice, fewer on busy cores")
    log_level: LogLevel = Field("warning", description="what the server logs")

    @classmethod
    def from_environment(cls) -> Settings:
        """Raises SettingsError, with the variable's name, for a value that cannot be used."""
        return cls.read([])

    @classmethod
    def read(cls, arguments: Sequence[str], program: str = "priorrg app") -> Settings:
        """From the command line (without the program's name) and, where it says nothing, the environment.

        Raises SettingsError, with the name of the flag or the variable; exits for --help and for unknown flags.
        """
        try:
            return cls(_cli_parse_args=list(arguments), _cli_prog_name=program)  # type: ignore[call-arg]
        except ValidationError as error:
            raise SettingsError("\n".join(_sentences(error, arguments))) from None

    def lines(self) -> list[str]:
        """`name: value` of every setting, for whoever reads the log."""
        return [f"{name}: {_shown(getattr(self, name))}" for name in type(self).model_fields]

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
                    f"or start with another port: --port {self.port % 65535 + 1}"
                ) from None


def unknown_variables(environment: Iterable[str]) -> list[str]:
    """A sentence for each variable that looks like a setting and is none: a slip of the pen, most of the time.

    They are told, not refused: Kubernetes gives every container variables of each service, PRIORRG_SERVICE_HOST for one
    that is called priorrg.
    """
    known = {variable(name) for name in Settings.model_fields}
    told = []
    for name in sorted(set(environment)):
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, 1)
            told.append(f"{name} is no setting and does nothing." + (f" Did you mean {near[0]}?" if near else ""))
    return told


def flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    return PREFIX + name.upper()


def _shown(value: Any) -> str:
    text = (", ".join(value) if isinstance(value, tuple) else str(value)) or "-"
    return re.sub(r"(://[^:/@\s]+):[^@\s]*@", r"\1:***@", text)  # a database's password stays out of the log


def _sentences(error: ValidationError, arguments: Sequence[str]) -> list[str]:
    """One a wrong value: the flag or variable that it came from, what it is, what it must be."""
    told = []
    for one in error.errors():
        name = str(one["loc"][0])
        is_flag = any(argument.split("=")[0] == flag(name) for argument in arguments)
        value, limits = one["input"], one.get("ctx", {})
        match one["type"]:
            case "int_parsing" | "int_from_float" | "int_type":
                must = "be a whole number"
            case "float_parsing" | "float_type":
                must = "be a number"
            case "bool_parsing" | "bool_type":
                must = "be true or false"
            case "greater_than_equal":
                must = f"be at least {limits['ge']}"
            case "less_than_equal":
                must = f"be at most {limits['le']}"
            case "literal_error":
                must = f"be one of {limits['expected'].replace(' or ', ', ')}".replace("'", "")
            case "value_error":
                must = str(limits["error"])
            case _:
                must = f"be something else: {one['msg']}"
        said = "empty" if value == "" else value if one["type"].endswith("_equal") else repr(value)
        told.append(f"{flag(name) if is_flag else variable(name)} is {said}, but it must {must}.")
    return told
