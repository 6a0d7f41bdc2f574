"""What a sweep does about what it found: by policy, within the brake, and kept over a restart."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.config.models import Brake, ReconcileSettings
from connector.reconcile.findings import (
    ITEMS,
    Finding,
    Spelling,
    SweepState,
    count_effects,
    plan_action,
    why_to_brake,
)
from connector.reconcile.healing import Cure, choose_cure

BEGUN = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
BRAKE = Brake(records=20, share=0.05)


@pytest.mark.parametrize(
    ("kind", "record", "settings", "repair", "action"),
    [
        ("changed", "message", {}, None, "restored"),
        ("changed", "message", {"repair": "report"}, None, "reported"),
        ("changed", "message", {"repair": "report"}, True, "restored"),
        ("changed", "message", {}, False, "reported"),
        ("deleted", "contact", {}, None, "reported"),
        ("deleted", "contact", {"on_deleted": "never"}, None, "reported"),
        ("deleted", "contact", {"on_deleted": "always"}, None, "restored"),
        ("deleted", "contact", {"on_deleted": "always"}, False, "reported"),
        ("deleted", "contact", {"restore_messages": True}, None, "reported"),
        ("deleted", "message", {}, True, "reported"),
        ("deleted", "message", {"restore_messages": True}, None, "restored"),
        ("deleted", "conversation", {"restore_messages": True}, None, "restored"),
        ("merged", "contact", {"repair": "report"}, None, "relinked"),
        ("merged", "contact", {}, False, "reported"),
        ("duplicate", "message", {}, None, "healed"),
        ("duplicate", "conversation", {}, None, "healed"),
        ("duplicate", "contact", {}, None, "reported"),
        ("duplicate", "message", {"heal": False}, None, "reported"),
        ("duplicate", "message", {}, False, "reported"),
        ("missing", "message", {"repair": "never"}, None, "restored"),
        ("missing", "message", {}, False, "reported"),
    ],
)
def test_each_class_is_treated_by_its_policy(
    *, kind: Any, record: Any, settings: dict[str, Any], repair: bool | None, action: str
) -> None:
    finding = Finding(kind, record, "key")

    assert plan_action(finding, ReconcileSettings(**settings), repair=repair) == action


def test_that_a_record_is_gone_counts_as_a_change_since_it_is_noted() -> None:
    findings = [
        Finding("deleted", "contact", "a"),
        Finding("changed", "message", "b"),
        Finding("changed", "message", "c", action="restored"),
    ]

    assert count_effects(findings, repair=None) == 2
    assert count_effects(findings, repair=False) == 0


@pytest.mark.parametrize(
    ("known", "absent", "effects", "stops"),
    [
        (2000, 0, 100, False),
        (2000, 0, 101, True),
        (100, 0, 20, False),
        (100, 0, 21, True),
        (30, 15, 15, False),
        (30, 16, 16, True),
        (9, 9, 9, False),
        (10, 6, 6, True),
        (0, 0, 21, True),
    ],
)
def test_the_brake_stops_what_is_too_much_of_a_change(
    known: int, absent: int, effects: int, *, stops: bool
) -> None:
    why = why_to_brake(known=known, absent=absent, effects=effects, brake=BRAKE)

    assert (why is not None) == stops


def test_a_field_that_differs_in_most_records_is_the_crms_own_spelling() -> None:
    spelling = Spelling()
    for number in range(20):
        spelling.note(["owner", "title"] if number < 5 else ["owner"])

    assert spelling.own() == {"owner"}


def test_a_few_records_do_not_tell_how_a_crm_spells() -> None:
    spelling = Spelling()
    for _ in range(9):
        spelling.note(["owner"])

    assert spelling.own() == set()


def changed(key: str, *fields: str, first: bool = True) -> Finding:
    return Finding("changed", "message", key, row=1, fields=list(fields), first=first)


def test_what_is_only_spelling_is_no_finding_and_what_else_differs_is() -> None:
    state = SweepState(window=86400)
    state.spelling["message"] = Spelling(compared=10, differs={"owner": 10, "title": 1})
    state.findings = [
        changed("a", "owner"),
        changed("b", "owner", "title"),
        changed("c", "owner", first=False),
        Finding("merged", "message", "d", fields=["owner"], first=True),
    ]

    dropped = state.drop_spelling("message")

    assert [each.key for each in dropped] == ["a"]
    assert [(each.key, each.fields) for each in state.findings] == [
        ("b", ["title"]),
        ("c", ["owner"]),
        ("d", []),
    ]


def test_a_sweep_is_the_same_after_it_was_kept() -> None:
    state = SweepState(
        window=3600.5,
        repair=None,
        thorough=False,
        step="read messages",
        place=["2026-11-24T09:00:00+00:00", 7],
        begun_at=BEGUN.isoformat(),
        extra={"contact": [1, 2]},
        strays={"message": {"77": "wm_a"}},
        owners={"wm_a": 5},
        spelling={"message": Spelling(3, {"title": 2})},
        findings=[changed("a", "title")],
    )

    kept = SweepState.from_json(json.loads(json.dumps(state.to_json())))

    assert kept == state
    assert kept.since == BEGUN - timedelta(seconds=3600.5)


def test_everything_is_counted_and_a_part_is_listed() -> None:
    state = SweepState(window=60, known=5000, checked=5000)
    state.findings = [changed(f"k{number}", "title") for number in range(ITEMS + 5)]
    state.findings[0].repaired = True

    counts = state.to_counts(seconds=1.23456)

    assert counts["found"]["changed"] == ITEMS + 5
    assert counts["repaired"] == {
        "missing": 0, "changed": 1, "deleted": 0, "merged": 0, "duplicate": 0,
    }  # fmt: skip
    assert counts["left"] == ITEMS + 4
    assert len(counts["items"]) == ITEMS
    assert counts["seconds"] == 1.235


SAME = {"body": "Oi", "at": "1"}


def test_of_copies_the_oldest_stays_and_the_others_go() -> None:
    current = {"1": SAME, "2": dict(SAME), "3": dict(SAME)}

    assert choose_cure(["1", "2", "3"], current, ["at", "body"]) == Cure("1", ("2", "3"))


def test_a_copy_that_somebody_changed_is_left() -> None:
    current = {"1": SAME, "2": {**SAME, "body": "Oi!"}}

    assert choose_cure(["1", "2"], current, ["at", "body"]) == Cure("1", ())


def test_a_copy_that_is_gone_by_now_is_no_copy() -> None:
    assert choose_cure(["1", "2"], {"2": SAME}, ["at", "body"]) is None
