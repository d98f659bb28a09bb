"""The log: one line for each thing that happened, with a stable name and ids, never payloads and never secrets.

Every known secret is blacked out by its exact value; control characters of outside text are escaped, so that nobody can
write lines of their own.
"""

import logging
import sys
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

import structlog

Fields = MutableMapping[str, Any]
LONGEST = 2000


def configure_log(level: str, secrets: Callable[[], Iterable[str]], *, as_json: bool | None = None) -> None:
    """Set up logging for this process: JSON lines, or readable ones when standard error is a terminal."""
    chosen = not sys.stderr.isatty() if as_json is None else as_json
    renderer: Any = (
        structlog.processors.JSONRenderer() if chosen else structlog.dev.ConsoleRenderer(pad_event_to=24, colors=False)
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
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping().get(level.upper(), 20)),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )


def get_log(name: str) -> Any:
    """Return a logger whose lines carry where they come from."""
    return structlog.get_logger().bind(logger=name)


def _blacken(secrets: Callable[[], Iterable[str]]) -> Callable[[Any, str, Fields], Fields]:
    def process(_logger: Any, _method: str, fields: Fields) -> Fields:
        known = sorted((secret for secret in secrets() if len(secret) >= 8), key=len, reverse=True)
        return {name: _clean(value, known) for name, value in fields.items()}

    return process


def _clean(value: Any, known: Iterable[str]) -> Any:
    if isinstance(value, (int, float)) or value is None:
        return value
    text = str(value)
    for secret in known:
        text = text.replace(secret, "[secret]")
    text = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
    return text if len(text) <= LONGEST else text[:LONGEST] + f"… ({len(text) - LONGEST} more)"
