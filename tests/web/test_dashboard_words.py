"""Two languages: whatever the program can say on a page, it can say in both."""

import re
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from string import Formatter
from zoneinfo import ZoneInfo

import pytest

from connector.ledger.schema import DELIVERY_STATES
from connector.model.alerts import ALERTS
from connector.model.codes import CODES
from connector.runtime.explanation import tell_next
from connector.runtime.status import _PAUSES, _WAITS, advise
from connector.web.dashboard.page import PLACES, TITLES
from connector.web.dashboard.portuguese import PORTUGUESE
from connector.web.dashboard.words import Words, choose, holes

ZONE = ZoneInfo("America/Sao_Paulo")
PT, EN = Words("pt-BR", ZONE), Words("en", ZONE)
NOW = datetime(2026, 11, 24, 15, tzinfo=UTC)
TEMPLATES = sorted(
    path.read_text(encoding="utf-8")
    for path in (files("connector.web.dashboard") / "templates").iterdir()
    if path.name.endswith(".html")
)
SAME = {"status", "webhooks", "ok"}
"""Words that are the same in both languages."""


def texts() -> set[str]:
    """Return every text that a template asks for by its English words."""
    found: set[str] = set()
    for template in TEMPLATES:
        found |= set(re.findall(r'\b_\("([^"|]+)"[,)]', template))
        found |= set(re.findall(r"\b_\('([^'|]+)'[,)]", template))
    return found


@pytest.mark.parametrize("text", sorted(texts()))
def test_a_text_of_a_page_is_there_in_portuguese(text: str) -> None:
    assert PORTUGUESE.get(text, text) != text


def test_there_are_texts_to_compare() -> None:
    assert len(texts()) > 90


@pytest.mark.parametrize("text", sorted(PORTUGUESE))
def test_a_translation_has_the_holes_of_its_original(text: str) -> None:
    assert holes(text) == holes(PORTUGUESE[text])
    assert [part[1] for part in Formatter().parse(PORTUGUESE[text]) if part[1] == ""] == []
    assert PORTUGUESE[text] != text or text in SAME


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_is_explained_in_portuguese(code: str) -> None:
    told = CODES[code]
    for sentence in (told.cause, tell_next(told.next, 4711)):
        assert PT.say(sentence) != sentence
        assert EN.say(sentence) == sentence
    assert ("4711" in tell_next(told.next, 4711)) == ("4711" in PT.say(tell_next(told.next, 4711)))


def _destination(**given: object) -> dict[str, object]:
    return {
        "configured": True,
        "state": "open",
        "reason": None,
        "detail": None,
        "reviews": 0,
        "parked": 0,
        "degraded_fields": [],
        "resync_offered": False,
        "last_reconcile": None,
        "holder": "host:1",
        "open": 0,
        **given,
    }


@pytest.mark.parametrize(
    "destination",
    [
        *(_destination(state="paused", reason=reason) for reason in _PAUSES),
        *(_destination(state="paused", reason=reason, detail="so it is") for reason in _PAUSES),
        *(_destination(state=state) for state in _WAITS),
        _destination(configured=False),
        _destination(reviews=1),
        _destination(parked=1),
        _destination(degraded_fields=["phone", "email"]),
        _destination(resync_offered=True),
        _destination(last_reconcile={"state": "braked"}),
        _destination(holder=None, open=1),
    ],
)
def test_a_state_of_a_destination_is_told_in_portuguese(destination: dict[str, object]) -> None:
    told = advise("vendas", destination)

    assert PT.say(told.words) != told.words
    assert PT.say(told.next) != told.next or told.next.startswith("connector ")
    for part in ("so it is", "phone, email"):
        assert (part in told.words) == (part in PT.say(told.words))


def test_every_alert_has_a_title() -> None:
    assert TITLES.keys() == ALERTS.keys()
    assert PLACES.keys() <= ALERTS.keys()
    assert [title for title in TITLES.values() if title not in PORTUGUESE] == []


@pytest.mark.parametrize(
    "state",
    [
        *(f"delivery|{each}" for each in (*DELIVERY_STATES, "in_doubt")),
        *(f"record|{each}" for each in ("contact", "message", "conversation")),
        *(f"run|{each}" for each in ("waiting", "running", "done", "braked", "failed")),
        *(f"state|{each}" for each in ("open", "throttled", "broken", "half_open", "paused")),
    ],
)
def test_a_state_has_a_word_in_both_languages(state: str) -> None:
    assert state in PORTUGUESE
    assert "|" not in EN(state)
    assert "_" not in EN(state)


def test_a_sentence_within_a_sentence_is_translated_too() -> None:
    said = PT.say("the contact is parked: Somebody deleted this record in the CRM.")
    assert said == "o contato está parado: Alguém apagou este registro no CRM."
    assert PT.say("message to hubspot, attempt 3, as 42") == (
        "mensagem para hubspot, tentativa 3, como 42"
    )


def test_a_sentence_that_nobody_knows_stays_as_it_is() -> None:
    assert PT.say("HubSpot: VALIDATION_ERROR") == "HubSpot: VALIDATION_ERROR"
    assert PT.say(None) == ""


def test_braces_in_what_is_put_in_stay_braces() -> None:
    assert PT.say("paused: the CRM lacks our key field ({x})") == (
        "parado: falta no CRM o nosso campo-chave ({x})"
    )


def test_times_and_numbers_are_written_as_people_there_do() -> None:
    assert PT.time(NOW) == "24/11/2026 12:00:00"
    assert EN.time(NOW) == "2026-11-24 12:00:00"
    assert (PT.number(1234567), EN.number(1234567)) == ("1.234.567", "1,234,567")
    assert (PT.number(0.5), EN.number(0.5)) == ("0,5", "0.5")
    assert PT.size(3 * 2**29) == "1,5 GiB"
    assert PT.ago(NOW - timedelta(minutes=3, seconds=20), NOW) == "há 3 min 20 s"
    assert PT.ago(NOW + timedelta(hours=1), NOW) == "em 1 h"
    assert PT.ago(NOW, NOW) == "agora"
    assert EN.ago(None, NOW) == "never"
    assert EN.span(None) == EN.time(None) == EN.number(None) == EN.size(None) == "—"
    assert EN.span(0.2) == "0 s"


@pytest.mark.parametrize(
    ("asked", "configured", "chosen"),
    [
        (None, "pt-BR", "pt-BR"),
        (None, "en", "en"),
        ("en", "pt-BR", "en"),
        ("pt-BR", "en", "pt-BR"),
        ("de", "en", "en"),
    ],
)
def test_the_language_is_what_is_asked_for_or_configured(
    asked: str | None, configured: str, chosen: str
) -> None:
    assert choose(asked, configured) == chosen
