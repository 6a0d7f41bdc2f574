"""A template is the admin's own, and still reaches nothing but its vocabulary, and ends soon."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from connector.errors import ConfigError
from connector.mapping.load import load_mapping
from connector.mapping.vocabulary import VOCABULARIES
from connector.template.reading import read_template
from connector.template.sandbox import FAILURES, OUTPUT_LIMIT, Sandbox
from tests.security.attacks import ESCAPES

LONG: Final = "x" * 30_000
"""The longest text that a message may have."""
EXPENSIVE: Final[Sequence[str]] = (
    "{{ " + " ~ ".join(["message.text"] * 600) + " }}",
    "{{ message.text }}" * 500,
    "{% for x in contact.labels %}{{ message.text }}{% endfor %}",
    "{{ " + "*".join(["99999999999999999999"] * 400) + " }}",
    "{{ message.text * 1000000000 }}",
    "{{ 1000000000 * message.text }}",
    "{{ [message.text] * 1000000000 }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ message.sent_at | date('%1000000000Y') }}",
    "{{ message.sent_at | date('" + "%c" * 2000 + "') }}",
    "{{ message.text | truncate(1000000000) }}",
    "{{ message.text | truncate(-1000000000) }}",
    "{{ 99999999999999999999 | datetime }}",
    "{{ -99999999999999999999 | date }}",
    "{{ message.text | number }}",
    "{{ '9" + "9" * 4500 + "' | number }}",
    "{{ '1e999999999' | number }}",
    "{{ 1e999 }}",
    "{{ 1e308 + 1e308 }}",
    "{{ 1 / 0 }}",
    "{{ 1 % 0 }}",
    "{{ 7 // 0.0 }}",
    "{{ " + "-" * 3000 + "1 }}",
    "{{ " + "not " * 2000 + "1 }}",
    "{{ " + "[" * 1500 + "]" * 1500 + " }}",
    "{{ " + "1 if 1 else " * 700 + "1 }}",
    *("{% if 1 %}" * n + "{% endif %}" * n for n in (61, 110, 400)),
    *("{{ " + "1 if 1 else " * n + "1 }}" for n in (61, 200, 250)),
    *("{{ 1" + each * 250 + " }}" for each in (" + 1", " | default", " or 1")),
    "{{ message.text | json | json | json | json | json | json | json | json }}",
    "{{ message.text | base64url | base64url | base64url | base64url | base64url }}",
    "{{ " + "message.text" + " | escape" * 800 + " }}",
    '{{ "' + '\\"' * 100 + '"' + " | json" * 24 + " }}",
)
"""What asks for much more than it says."""


@pytest.mark.parametrize("source", ESCAPES, ids=lambda source: source[:50])
@pytest.mark.parametrize("part", ["message", "contact", "conversation"])
def test_no_way_out_on_record_passes_the_reader(source: str, part: Any) -> None:
    assert read_template(source, VOCABULARIES[part])[1]


@pytest.mark.parametrize("source", ESCAPES, ids=lambda source: source[:50])
def test_a_mapping_with_one_is_refused_with_its_place(source: str, tmp_path: Path) -> None:
    quoted = source.replace("\\", "\\\\").replace('"', '\\"')
    (tmp_path / "mine.toml").write_text(
        f'extends = "hubspot"\n[contact.fields]\nfirstname = "{quoted}"\n'
    )

    with pytest.raises(ConfigError) as caught:
        load_mapping("mine.toml", folder=tmp_path, adapter="hubspot")

    assert {problem.line for problem in caught.value.problems} == {3}


@pytest.mark.parametrize("html", [True, False])
@pytest.mark.parametrize("source", EXPENSIVE, ids=lambda source: source[:50])
def test_a_template_ends_soon_and_gives_little(source: str, *, html: bool) -> None:
    sandbox = Sandbox(html=html, time_zone=ZoneInfo("UTC"))
    roots = {
        "message": {"text": LONG, "sent_at": datetime(2026, 11, 24, tzinfo=UTC)},
        "contact": {"labels": ["a"] * 100},
    }
    began = time.process_time()
    template, faults = read_template(source, VOCABULARIES["message"])
    found: Any = None
    if not faults:
        try:
            found = sandbox.bind(template)(roots)
        except FAILURES as error:
            found = type(error).__name__
    assert time.process_time() - began < 2
    assert len(str(found)) <= max(OUTPUT_LIMIT, 2 * len(LONG) * 600)
