"""Whatever an admin writes, a file is read or its problems are told; it is never a traceback."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connector.config.load import load_config
from connector.config.paths import SHIPPED
from connector.crm.registry import settings_models
from connector.errors import ConfigError
from connector.mapping.load import load_mapping

EXAMPLES: Final = int(os.environ.get("CONNECTOR_FUZZ", "60"))
CONFIG: Final = (SHIPPED.parent / "config.example.toml").read_text(encoding="utf-8")
MAPPINGS: Final = {
    "hubspot": (SHIPPED / "hubspot.toml").read_text(encoding="utf-8"),
    "pipedrive": (SHIPPED / "pipedrive.toml").read_text(encoding="utf-8"),
    "rest": (SHIPPED / "rest" / "sandbox.toml").read_text(encoding="utf-8"),
}
MODELS: Final = settings_models()
ENVIRON: Final = dict.fromkeys(
    (
        "WHATSAPP_APP_SECRET",
        "WHATSAPP_VERIFY_TOKEN",
        "WHATSAPP_ACCESS_TOKEN",
        "HUBSPOT_TOKEN",
        "PIPEDRIVE_TOKEN",
        "CRM_TOKEN",
        "CONNECTOR_ADMIN_TOKEN",
        "ALERT_WEBHOOK_URL",
        "ALERT_SECRET",
    ),
    "https://example.com/a-canary-of-the-fuzzers",
)
VALUES: Final = (
    "true",
    "-1",
    "0",
    "1e400",
    "nan",
    "inf",
    "9" * 19,
    "9" * 5000,
    "2026-11-24",
    "2026-11-24T10:00:00Z",
    "10:00:00",
    '""',
    '" "',
    '"\\u0000"',
    '"\\uFFFF"',
    '"x"',
    '"{{ 1"',
    '"{{ contact.__class__ }}"',
    '"{{ 1e999 }}"',
    '"../../../etc/passwd"',
    '"/etc/passwd"',
    '"http://169.254.169.254/"',
    '"sqlite://"',
    "[]",
    "[[]]",
    "{}",
    "{ env = 1 }",
    '{ env = "NOT_SET" }',
    '{ file = "/" }',
    '{ file = "a\\u0000b" }',
    '{ env = "HOME", file = "x" }',
    "[" * 50 + "]" * 50,
    "[" * 5000 + "]" * 5000,
    "{ a = " * 300 + "1" + " }" * 300,
)
"""What stands where something else should."""
_LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                f"{key} = {value}"
                for key in ("extends", "key", "x", '"a.b"')
                for value in VALUES[:32]
            ]
        ),
        st.sampled_from(
            ["[contact]", "[[contact]]", "[contact.fields]", "[a.b]", "[destinations]"]
        ),
        st.text(max_size=40),
    ),
    max_size=6,
)
_SETTINGS = settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def harmed(text: str, places: list[tuple[int, int, str]], more: list[str]) -> str:
    """Return a file some of whose lines were replaced, dropped or doubled, and some added."""
    lines = text.splitlines()
    for at, what, value in places:
        index = at % len(lines)
        line = lines[index]
        match what:
            case 0:
                lines[index] = ""
            case 1:
                lines.insert(index, line)
            case 2 if "=" in line:
                lines[index] = f"{line.partition('=')[0]}= {value}"
            case 3:
                lines.insert(index, f"added = {value}")
            case _:
                lines[index] = line[: len(line) // 2]
    at = places[0][0] % (len(lines) + 1) if places else 0
    return "\n".join([*lines[:at], *more, *lines[at:]])


_PLACES = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 4), st.sampled_from(VALUES)), max_size=4
)


def told_by(read: Callable[[], Any]) -> str | None:
    """Return all that is said of a file's problems; ``None`` where it can be read."""
    try:
        read()
    except ConfigError as error:
        told = [str(error), *map(str, error.problems)]
        told += [json.dumps([each.file, each.key, each.message]) for each in error.problems]
        return "\n".join(told)
    return None


@_SETTINGS
@given(places=_PLACES, more=_LINES)
@example(places=[(10, 3, VALUES[7])], more=[])
@example(places=[(10, 3, VALUES[32])], more=[])
def test_a_configuration_is_read_or_its_problems_are_told(
    tmp_path: Path, places: list[tuple[int, int, str]], more: list[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(harmed(CONFIG, places, more), encoding="utf-8", errors="replace")

    told = told_by(lambda: load_config(file, settings_models=MODELS, environ=ENVIRON))

    assert told is None or (told and "a-canary" not in told)


@pytest.mark.parametrize("adapter", sorted(MAPPINGS))
@_SETTINGS
@given(places=_PLACES, more=_LINES)
@example(places=[(10, 3, VALUES[7])], more=[])
@example(places=[(10, 3, VALUES[32])], more=[])
@example(places=[], more=['extends = "/etc/passwd"'])
def test_a_mapping_is_read_or_its_problems_are_told(
    tmp_path: Path, adapter: str, places: list[tuple[int, int, str]], more: list[str]
) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(harmed(MAPPINGS[adapter], places, more), encoding="utf-8", errors="replace")

    told = told_by(lambda: load_mapping("mine.toml", folder=tmp_path, adapter=adapter))

    assert told is None or "root:" not in told
    assert told != ""
