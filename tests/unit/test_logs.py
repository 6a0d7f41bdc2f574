"""Nothing about persons, and no secret, gets through the log; what happened does."""

import ast
import io
import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

import connector
from connector.config.models import LogSettings
from connector.errors import ConnectorError
from connector.runtime.logs import HIDDEN, KNOWN_KEYS, configure_logging, masked

PACKAGE = Path(connector.__file__).parent
METHODS = {"debug", "info", "warning", "error", "critical", "exception"}


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Log as JSON into a buffer, and leave logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    buffer = io.StringIO()
    configure_logging(LogSettings(format="json", level="info"), stream=buffer)
    yield buffer
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(capture=False)
    logging.getLogger("uvicorn.access").disabled = False
    structlog.reset_defaults()


def _last(lines: io.StringIO) -> dict[str, object]:
    found: dict[str, object] = json.loads(lines.getvalue().splitlines()[-1])
    return found


def _keys_logged(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        target = node.func.value
        if node.func.attr in METHODS and isinstance(target, ast.Name):
            if target.id not in {"log", "_log"}:
                continue
            for keyword in node.keywords:
                if keyword.arg is not None:
                    yield node.lineno, keyword.arg


def test_every_key_that_the_code_logs_is_on_the_list() -> None:
    unknown = [
        f"{file.relative_to(PACKAGE)}:{line} {key}"
        for file in sorted(PACKAGE.rglob("*.py"))
        if "sandbox" not in file.parts
        for line, key in _keys_logged(ast.parse(file.read_text(encoding="utf-8")))
        if key not in KNOWN_KEYS | {"exc_info"}
    ]
    assert unknown == []


def test_a_key_that_is_not_on_the_list_is_hidden(lines: io.StringIO) -> None:
    structlog.get_logger().info("webhook.stored", customer="Ana", webhooks=3)
    assert _last(lines)["customer"] == HIDDEN
    assert _last(lines)["webhooks"] == 3


@pytest.mark.parametrize(
    "secret",
    [
        "+55 11 98765-4321",
        "5511987654321",
        "(11) 98765-4321 5",
        "wamid.HBgMNTUxMTk4NzY1NDMyFQIAEhgUM0E=",
        "BR.1502576394655843",
        "BR.ENT.11815799212886844830",
        "ana.souza@example.com.br",
        "pat-na1-0123456789abcdef",
        "EAAGm0PX4ZCpsBAKZC",
        "0123456789abcdef0123456789abcdef01234567",
    ],
)
def test_what_looks_like_a_person_or_a_secret_is_hidden(secret: str) -> None:
    text = masked(f"the CRM says: {secret} is wrong")
    assert secret not in text
    assert text == f"the CRM says: {HIDDEN} is wrong"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Authorization: Bearer abc.def", f"Authorization: {HIDDEN}"),
        ("GET https://x.example/a?hapikey=123 failed", f"GET https://x.example/a{HIDDEN} failed"),
        ("token=abcdef and more", f"token={HIDDEN} and more"),
    ],
)
def test_credentials_are_hidden_wherever_they_stand(text: str, left: str) -> None:
    assert masked(text) == left


@pytest.mark.parametrize(
    "harmless",
    [
        "2026-11-24 10:00",
        "192.168.100.200",
        "http://127.0.0.1:45127",
        "wc_abcdefghij0123456789klmnop",
        "deliver/hubspot",
        "connector/ledger/webhooks.py:117 in _store",
        "the ledger is at revision 0001, this version needs 0002",
        "after 3600.5 s",
    ],
)
def test_what_only_looks_a_little_like_one_is_kept(harmless: str) -> None:
    assert masked(harmless) == harmless


def test_values_within_lists_are_hidden_too(lines: io.StringIO) -> None:
    structlog.get_logger().warning("destination.paused", reason=["5511987654321", "auth"])
    assert _last(lines)["reason"] == [HIDDEN, "auth"]


def test_a_traceback_has_places_and_no_foreign_words(lines: io.StringIO) -> None:
    number = "5511987654321"
    try:
        int(f"{number}x")
    except ValueError:
        structlog.get_logger().exception("record.failed")
    told = str(_last(lines)["exception"])
    assert number not in lines.getvalue()
    assert "test_logs.py" in told
    assert told.splitlines()[-1] == "ValueError"


def test_a_traceback_has_the_words_of_our_own_errors_and_their_causes(lines: io.StringIO) -> None:
    people: dict[str, str] = {}
    try:
        try:
            people["Ana"]
        except KeyError as error:
            raise ConnectorError("the ledger is away") from error
    except ConnectorError:
        structlog.get_logger().exception("role.failed")
    told = str(_last(lines)["exception"])
    assert "Ana" not in told
    assert told.endswith("ConnectorError: the ledger is away")
    assert "KeyError\nwhich led to" in told


def test_libraries_log_in_the_same_form_and_through_the_same_nets(lines: io.StringIO) -> None:
    logging.getLogger("some.library").warning("gave up on %s", "5511987654321")
    found = _last(lines)
    assert found["event"] == f"gave up on {HIDDEN}"
    assert found["level"] == "warning"
    assert found["logger"] == "some.library"


@pytest.mark.parametrize("name", ["httpx", "httpcore", "uvicorn.error", "alembic.runtime"])
def test_libraries_that_print_addresses_are_silent_below_warnings(
    name: str, lines: io.StringIO
) -> None:
    logging.getLogger(name).info("HTTP Request: GET https://graph.example/?token=abc")
    logging.getLogger("uvicorn.access").warning("GET /webhooks/whatsapp?hub.verify_token=abc")
    assert lines.getvalue() == ""


def test_warnings_of_python_are_logged(lines: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("something is old", DeprecationWarning, stacklevel=1)
    assert "something is old" in str(_last(lines)["event"])


def test_what_is_below_the_level_is_not_written(lines: io.StringIO) -> None:
    configure_logging(LogSettings(format="json", level="error"), stream=lines)
    structlog.get_logger().warning("lease.lost")
    logging.getLogger("some.library").warning("hm")
    assert lines.getvalue() == ""


def test_the_console_form_is_one_readable_line(lines: io.StringIO) -> None:
    configure_logging(LogSettings(format="console", level="info"), stream=lines)
    structlog.get_logger().info("lease.claimed", lease="record", epoch=3)
    [line] = lines.getvalue().splitlines()
    assert "lease.claimed" in line
    assert "lease=record" in line
    assert "epoch=3" in line
