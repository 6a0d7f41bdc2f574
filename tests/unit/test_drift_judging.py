"""One record against its own past, and against the mapping only where it has none."""

from datetime import UTC, datetime, timedelta
from typing import Any

from connector.ledger.sweeps import Held
from connector.mapping.rendered import Rendered
from connector.reconcile.drift import fingerprint
from connector.reconcile.judging import Judgement, judge

NAMES = ("body", "title")
WRITTEN = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LATER = WRITTEN + timedelta(hours=1)
AS_WRITTEN = {"body": "<p>Oi</p>", "title": "Pedido"}
OTHER = {"body": "<p>Oi</p>", "title": "Pedido 7"}


def held(**values: Any) -> Held:
    row = {
        "id": 1,
        "lane_id": 1,
        "contact_id": 1,
        "record": "message",
        "source_id": "1",
        "marker": "wm_a",
        "state": "synced",
        "generation": 1,
        "content_hash": "h",
        "crm_id": "100",
        "crm_hash": None,
        "queued_at": WRITTEN,
        "sent_at": WRITTEN,
        "synced_at": WRITTEN,
        "checked_at": None,
        "gone_at": None,
    }
    return Held(**{**row, **values})


def checked(current: dict[str, Any], **values: Any) -> Held:
    """Return a row that was read back as ``current`` after it was written."""
    return held(crm_hash=fingerprint(NAMES, current), checked_at=LATER, **values)


def rendered(content_hash: str = "h") -> Rendered:
    return Rendered(
        {"body": "Oi", "title": "Pedido"}, frozenset(), frozenset(), frozenset(), content_hash
    )


def judge_it(row: Held, current: dict[str, Any] | None, made: Rendered | None = None) -> Judgement:
    return judge(row, current, names=NAMES, render=lambda: made)


def test_a_record_that_is_not_there_was_deleted() -> None:
    assert judge_it(held(), None).kind == "deleted"


def test_at_first_sight_another_spelling_is_the_same_and_is_remembered() -> None:
    found = judge_it(held(), AS_WRITTEN, rendered())

    assert (found.kind, found.compared) == ("same", True)
    assert found.seen == fingerprint(NAMES, AS_WRITTEN)


def test_at_first_sight_another_value_is_a_change_with_its_fields() -> None:
    found = judge_it(held(), OTHER, rendered())

    assert (found.kind, found.fields, found.compared) == ("changed", ("title",), True)


def test_what_the_crm_returned_last_is_not_compared_with_the_mapping() -> None:
    def never() -> Rendered:
        raise AssertionError("rendered without need")

    assert judge(checked(OTHER), OTHER, names=NAMES, render=never).kind == "same"


def test_another_value_than_last_time_is_a_change() -> None:
    found = judge_it(checked(AS_WRITTEN), OTHER, rendered())

    assert (found.kind, found.fields, found.compared) == ("changed", ("title",), False)


def test_another_spelling_than_last_time_is_the_same() -> None:
    respelled = {**AS_WRITTEN, "body": "<div>Oi</div>"}

    found = judge_it(checked(AS_WRITTEN), respelled, rendered())

    assert (found.kind, found.seen) == ("same", fingerprint(NAMES, respelled))


def test_a_look_from_before_the_last_writing_says_nothing() -> None:
    row = checked(OTHER, sent_at=LATER + timedelta(seconds=1))

    assert judge_it(row, OTHER, rendered()).kind == "changed"
    assert judge_it(row, AS_WRITTEN, rendered()).kind == "same"


def test_a_record_of_a_former_mapping_is_not_blamed_on_people() -> None:
    assert judge_it(held(), OTHER, rendered("another")).kind == "same"


def test_a_change_since_the_last_look_is_one_whatever_the_mapping_makes_now() -> None:
    found = judge_it(checked(AS_WRITTEN), OTHER, rendered("another"))

    assert found.kind == "changed"


def test_a_record_whose_words_were_dropped_is_compared_with_its_own_past_only() -> None:
    assert judge_it(held(), OTHER, None).kind == "same"
    assert judge_it(checked(OTHER), OTHER, None).kind == "same"
    assert judge_it(checked(AS_WRITTEN), OTHER, None).kind == "changed"


def test_a_look_by_another_mapping_is_a_first_sight() -> None:
    row = held(crm_hash=fingerprint(("body",), {"body": "x"}), checked_at=LATER)

    found = judge_it(row, OTHER, rendered())

    assert (found.kind, found.compared) == ("changed", True)


def test_a_record_that_answers_under_another_id_was_merged() -> None:
    found = judge_it(held(), {**AS_WRITTEN, "crm_id": "200"}, rendered())

    assert (found.kind, found.crm_id, found.fields) == ("merged", "200", ())


def test_what_a_merge_lost_is_named() -> None:
    found = judge_it(held(), {**OTHER, "crm_id": "200"}, rendered())

    assert (found.kind, found.fields) == ("merged", ("title",))


def test_where_nothing_is_compared_a_record_that_is_there_is_the_same() -> None:
    found = judge(held(), OTHER, names=(), render=lambda: None)

    assert (found.kind, found.seen) == ("same", None)
