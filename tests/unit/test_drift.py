"""A record that says the same in the CRM's own spelling has not drifted; any other has."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.mapping.models import Field
from connector.mapping.rendered import Rendered
from connector.reconcile.drift import (
    compared_fields,
    differing_fields,
    fingerprint,
    is_comparable,
    is_same_value,
)

MOMENT = datetime(2026, 11, 24, 10, 30, 15, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("Olá, tudo bem?", "  Olá,\ntudo   bem? "),
        ("<b>Ana</b>: oi<br>tudo bem", "<p><strong>Ana</strong>: oi</p><p>tudo bem</p>"),
        ("a &lt; b &amp; c", "a < b & c"),
        ("a &lt; b", "a &amp;lt; b"),
        (42, "42"),
        (42, 42.0),
        (1.5, "1.50"),
        ("42", 42),
        ("19.90", "19.9"),
        (True, "true"),
        (True, 1),
        (False, "false"),
        (False, None),
        ("true", True),
        (MOMENT, "2026-11-24T10:30:15.250Z"),
        (MOMENT, "2026-11-24T07:30:15-03:00"),
        (MOMENT, "2026-11-24 10:30:00"),
        (MOMENT, str(int(MOMENT.timestamp() * 1000))),
        (MOMENT, int(MOMENT.timestamp())),
        (MOMENT, "2026-11-24"),
        (MOMENT, "10:30"),
        (MOMENT, "07:30:00"),
        (MOMENT.astimezone(timezone(timedelta(hours=-3))), "2026-11-24T10:30:15Z"),
        ("2026-11-24T10:30:15Z", "2026-11-24T10:30:15.000Z"),
        ("+5511912345678", "+55 (11) 91234-5678"),
        (["a", "b"], "b;a"),
        (["a", "b"], '["b", "a"]'),
        (["a"], "a"),
        ({"x": 1, "y": [2]}, '{"y": [2], "x": 1}'),
        ({"at": MOMENT}, '{"at": "2026-11-24T10:30:15.250000+00:00"}'),
        ("x" * 100, "x" * 60 + " […]"),
        ("", None),
        (None, "  "),
    ],
)
def test_the_same_in_another_spelling_is_the_same(wanted: Any, found: Any) -> None:
    assert is_same_value(wanted, found)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("Olá", "Ola"),
        ("Ana", None),
        ("Ana", "ana"),
        (42, "43"),
        (42, "forty-two"),
        (True, "false"),
        (False, "true"),
        (MOMENT, "2026-11-24T10:30:17Z"),
        (MOMENT, "2026-11-24T10:32:00Z"),
        (MOMENT, "2026-11-28"),
        (MOMENT, "10:31"),
        (MOMENT, "yesterday"),
        ("+5511912345678", "+55 (11) 91234-5679"),
        (["a", "b"], "a"),
        ({"x": 1}, '{"x": 2}'),
        ({"x": 1}, "x is 1"),
        ("x" * 100, "x" * 60 + "y […]"),
    ],
)
def test_what_somebody_changed_is_not_the_same(wanted: Any, found: Any) -> None:
    assert not is_same_value(wanted, found)


def test_what_carries_our_key_in_a_text_is_no_change() -> None:
    key = "wm_abc"

    assert is_same_value("Oi", "Oi<br><small>wm_abc</small>", key=key)
    assert is_same_value("WhatsApp", "WhatsApp ⟦wa·0123456789abcdef⟧", key=key)
    assert not is_same_value("Oi", "Oi<br><small>wm_xyz</small>", key=key)


@given(st.text(), st.text())
def test_equal_texts_are_the_same_and_comparing_never_fails(one: str, other: str) -> None:
    assert is_same_value(one, one)
    assert isinstance(is_same_value(one, other), bool)


@given(
    st.one_of(st.booleans(), st.integers(), st.floats(allow_nan=False), st.text()),
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
)
def test_comparing_never_fails_whatever_a_crm_returns(wanted: Any, found: Any) -> None:
    assert isinstance(is_same_value(wanted, found), bool)


def rendered(**fields: Any) -> Rendered:
    return Rendered(fields, frozenset(), frozenset(), frozenset(), "")


def test_the_fields_that_differ_are_named() -> None:
    made = rendered(title="Pedido", body="<b>Oi</b>", at=MOMENT)
    held = {"title": "Pedido 2", "body": "Oi", "at": None}

    assert differing_fields(made, ("at", "body", "title"), held, key="k") == ("at", "title")


def test_a_field_the_mapping_leaves_empty_is_the_crms() -> None:
    assert differing_fields(rendered(), ("title",), {"title": "theirs"}, key="k") == ()


def test_only_fields_that_are_always_written_are_compared() -> None:
    fields = {
        "b": Field("x"),
        "a": Field("x"),
        "name": Field("x", write="if_empty"),
        "stage": Field("x", write="create"),
    }

    assert compared_fields(fields) == ("a", "b")


def test_a_fingerprint_is_of_the_values_not_of_blanks_or_other_fields() -> None:
    names = ("a", "b")
    first = fingerprint(names, {"a": "1", "b": None, "else": "x"})

    assert len(first) == 32
    assert first == fingerprint(names, {"a": " 1 ", "b": "", "else": "y"})
    assert first != fingerprint(names, {"a": "2", "b": None})


def test_fingerprints_over_other_fields_are_not_compared() -> None:
    one = fingerprint(("a", "b"), {"a": "1"})
    other = fingerprint(("a",), {"a": "1"})

    assert is_comparable(one, fingerprint(("a", "b"), {"a": "2"}))
    assert not is_comparable(one, other)
    assert not is_comparable(None, one)
