"""Logs to stderr: words for people or JSON for machines, and nothing about persons in either.

Two nets, one behind the other. Only keys on a list are written, so that a value nobody thought of
stays out; and what looks like a phone, a message id, an address or a secret is hidden in every
text. Tracebacks have places and kinds of errors, no values and no foreign error's words.
"""

import io
import json
import logging
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping, Sequence
from types import TracebackType
from typing import Any, Final, TextIO, cast

import structlog
from structlog.typing import Processor

from connector.config.models import LogSettings
from connector.errors import ConnectorError

HIDDEN: Final = "[hidden]"

KNOWN_KEYS: Final = frozenset(
    {
        # what happened, added here
        "event", "level", "logger", "timestamp", "exception",
        # where
        "destination", "lease", "role", "number", "adapter", "listener", "job", "record", "call",
        "alert", "process", "owner", "webhook", "path", "host", "port", "url", "roles", "revision",
        "version", "ledger",
        # why
        "error", "remedy", "reason", "detail", "code", "status", "state", "result", "signal",
        # how much
        "lanes", "rows", "parked", "found", "again", "later", "copies", "poisoned", "in_doubt",
        "remapped", "asleep", "stopped", "messages", "contacts", "statuses", "webhooks", "kept",
        "events", "duplicates", "unrouted", "unknown", "unparsable", "failed", "written",
        "unchanged", "calls", "deliveries", "elements", "bytes", "attempts", "count", "waiting",
        "fields",
        # when, how long
        "epoch", "ms", "seconds", "tick", "until", "run",
    }
)  # fmt: skip
"""The keys a log line may have. None of them may ever be given a person, a text or a secret."""

_QUIET: Final = ("httpx", "httpcore", "uvicorn", "uvicorn.error", "sqlalchemy", "alembic")
"""Loggers that say at INFO what must not be said, such as addresses with their queries."""

_SECRETS: Final = re.compile(
    r"wamid\.[A-Za-z0-9+/=_-]+"  # a message id: it holds the phone
    r"|\b[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{8,128}\b"  # a user id
    r"|[^\s@<>\"'=,;:/]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"  # an e-mail address
    r"|(?i:\bbearer\s+|\bbasic\s+)[^\s\"',;]+"
    r"|(?i:(?<=token=)|(?<=key=)|(?<=secret=)|(?<=password=))[^\s&\"',;]+"
    r"|\?[^\s\"'?]+=[^\s\"']*"  # the query of an address
    r"|\b(?:EAA|pat-)[A-Za-z0-9-]{8,}"  # tokens of Meta and HubSpot
    r"|(?<![\w/.-])[A-Za-z0-9_-]{40,}(?![\w/.-])"  # anything as long as a token
)
_DIGITS: Final = re.compile(r"(?<![\w.])\+?\(?\d(?:[\s().-]{0,2}\d){8,}(?!\w)")
_HARMLESS: Final = re.compile(r"\d{4}-\d\d-\d\d(?!\d)|\d{1,3}(?:\.\d{1,3}){3}$")
"""What has as many digits as a phone and is none: a date, an IPv4 address."""


class _Stderr(io.TextIOBase):
    """Whatever ``sys.stderr`` is when something is written."""

    def write(self, text: str) -> int:
        """Write at once, so that nothing is lost with the process."""
        written = sys.stderr.write(text)
        sys.stderr.flush()
        return written

    def isatty(self) -> bool:
        """Say whether somebody is watching."""
        return sys.stderr.isatty()


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, told from those of whoever embeds us."""


def configure_logging(settings: LogSettings, *, stream: TextIO | None = None) -> None:
    """Send every log line of this process to stderr, in the form that the settings ask for."""
    out: TextIO = cast("TextIO", _Stderr()) if stream is None else stream
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    first: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        hide_unknown_keys,
        write_traceback,
        hide_people,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer = _renderer(settings, out)
    structlog.configure(
        processors=[*first, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=out),
        cache_logger_on_first_use=False,
    )
    handler = _Handler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *first],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    for former in root.handlers[:]:
        if isinstance(former, _Handler):
            root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.getLogger("uvicorn.access").disabled = True


def _renderer(settings: LogSettings, stream: TextIO) -> Processor:
    if settings.format == "json":
        return write_json
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        pad_event_to=24,
        sort_keys=False,
        exception_formatter=structlog.dev.plain_traceback,
    )


def write_json(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
    """Return a line of JSON that begins with when, how grave and what."""
    first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
    return json.dumps({**first, **event}, ensure_ascii=False, default=str)


def hide_unknown_keys(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Keep the keys that are known to be harmless; of others only that they were there."""
    for key in event:
        if key not in KNOWN_KEYS and key not in _MACHINERY:
            event[key] = HIDDEN
    return event


_MACHINERY: Final = frozenset({"exc_info", "stack_info", "_record", "_from_structlog"})


def hide_people(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Hide what looks like a person or a secret in every text of a log line."""
    for key, value in event.items():
        if key not in _MACHINERY and not isinstance(value, bool | int | float | None):
            event[key] = masked(value)
    return event


def masked(value: Any) -> Any:
    """Return a value with everything hidden in it that looks like a person or a secret."""
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _DIGITS.sub(_hide_phone, _SECRETS.sub(HIDDEN, str(value)))


def _hide_phone(match: re.Match[str]) -> str:
    return match[0] if _HARMLESS.match(match[0]) else HIDDEN


def write_traceback(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace an exception by where it was raised and what kind it is.

    The words of our own errors are written for everybody to see; a foreign error's may repeat the
    value it stumbled over, so they are left out.
    """
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else None
    if isinstance(given, tuple):
        error = given[1]
    elif given and error is None:
        error = sys.exc_info()[1]
    if error is not None:
        event["exception"] = "\n".join(_describe(error))
    return event


def _describe(error: BaseException) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _describe(cause)
        yield "which led to"
    yield from places(error.__traceback__)
    yield words(error)


def words(error: BaseException) -> str:
    """Return the kind of an error, with what it says where that can hold no value."""
    kind = type(error).__name__
    if isinstance(error, ConnectorError):
        return f"{kind}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{kind}: {error.strerror}"
    return kind


def places(trace: TracebackType | None) -> Sequence[str]:
    """Return the places a traceback names, the innermost last: ``file.py:12 in function``."""
    return [
        f"  {_short(frame.filename)}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(trace)
    ]


def _short(path: str) -> str:
    parts = path.replace("\\", "/").split("/")
    return "/".join(parts[-3:])
