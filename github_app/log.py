"""The log: one line for each thing that happened, with a stable name and ids, never payloads and never secrets.

Every known secret is blacked out by its exact value, also as it stands in an HTTP Basic header or a URL; control
characters of outside text are escaped and long text is cut, so that nobody can write lines of their own.
"""

import base64
import logging
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import structlog

Fields = MutableMapping[str, Any]
LONGEST: Final = 2000
SHORTEST_SECRET: Final = 8
INFO: Final = 20
TRACE: Final = "exception"


def configure_log(
    level: str, secrets: Callable[[], Iterable[str]], *, as_json: bool | None = None, file: Path | None = None
) -> None:
    """Set up logging for this process: JSON lines, or readable ones when standard error is a terminal.

    With `file` the lines are added there (JSON), readable by its owner only.
    """
    chosen = (file is not None or not sys.stderr.isatty()) if as_json is None else as_json
    if file is not None:
        file.touch(mode=0o600)
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if chosen
        else structlog.dev.ConsoleRenderer(
            pad_event_to=24, colors=False, exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _blacken(secrets),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping().get(level.upper(), INFO)),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr if file is None else _Appended(file)),  # ty: ignore[invalid-argument-type]
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    if not any(isinstance(handler, _Bridge) for handler in root.handlers):
        root.addHandler(_Bridge(logging.WARNING))


class _Appended:
    """A file that is opened for each line: it may be moved away, and nothing has to close it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, line: str) -> None:
        """Add a line."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)

    def flush(self) -> None:
        """Do nothing: every line is written when it is."""


class _Bridge(logging.Handler):
    """Brings what libraries log (a failed request's traceback, say) through the same door."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a library's record as one of our lines."""
        told = structlog.get_logger(part=record.name)
        told.log(record.levelno, "library.said", said=record.getMessage(), exc_info=record.exc_info or False)


def get_log(name: str) -> Any:
    """Return a logger whose lines carry where they come from; it writes as configured when it is used."""
    return structlog.get_logger(part=name)


def _blacken(secrets: Callable[[], Iterable[str]]) -> Callable[[Any, str, Fields], Fields]:
    def process(_logger: Any, _method: str, fields: Fields) -> Fields:
        known = _forms(tuple(secrets()))
        return {name: _clean(value, known, lines=name == TRACE) for name, value in fields.items()}

    return process


@lru_cache(maxsize=8)
def _forms(secrets: tuple[str, ...]) -> tuple[str, ...]:
    """Return what must not be seen, the longest first: each value, and how git and HTTP clients write it."""
    found = set()
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            basic = base64.b64encode(f"x-access-token:{secret}".encode()).decode()
            found |= {secret, repr(secret)[1:-1], quote(secret, safe=""), basic}
    return tuple(sorted(found, key=len, reverse=True))


def _clean(value: Any, known: Iterable[str], *, lines: bool) -> Any:
    if isinstance(value, (int, float)) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(_clean(key, known, lines=False)): _clean(one, known, lines=False) for key, one in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(one, known, lines=False) for one in value]
    text = str(value)
    for secret in known:
        text = text.replace(secret, "[secret]")
    if len(text) > LONGEST:  # a traceback says what happened in its last lines, everything else in its first
        more = f"({len(text) - LONGEST} more)"
        text = f"{more} … {text[-LONGEST:]}" if lines else f"{text[:LONGEST]} … {more}"
    return "".join(c if c.isprintable() or (lines and c == "\n") else repr(c)[1:-1] for c in text)
