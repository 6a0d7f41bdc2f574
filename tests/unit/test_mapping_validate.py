"""A mapping is held against the CRM's live schema before anything is sent."""

from pathlib import Path

import pytest

from connector.errors import Problem
from connector.mapping.load import load_mapping
from connector.mapping.validate import validate_mapping
from connector.model.record import FieldInfo, FieldType

CONTACTS = {
    info.name: info
    for info in (
        FieldInfo("firstname", "First name"),
        FieldInfo("lastname", "Last name"),
        FieldInfo("phone", "Phone number"),
        FieldInfo("age", "Age", "number"),
        FieldInfo("born", "Birthday", "date"),
        FieldInfo("seen", "Seen", "datetime"),
        FieldInfo("optout", "Opted out", "bool"),
        FieldInfo("lifecyclestage", "Stage", "option", options=("lead", "customer")),
        FieldInfo("tags", "Tags", "options", options=("vip", "novo")),
        FieldInfo("bio", "Bio", "html"),
        FieldInfo("extra", "Extra", "json"),
        FieldInfo("score", "Score", "number", writable=False),
    )
}
MESSAGES = {
    info.name: info
    for info in (
        FieldInfo("hs_timestamp", "Time", "datetime"),
        FieldInfo("hs_communication_body", "Body", "html"),
        FieldInfo(
            "hs_communication_channel_type", "Channel", "option", options=("WHATS_APP", "SMS")
        ),
        FieldInfo("hs_communication_logged_from", "From", "option", options=("CRM",)),
    )
}


def problems_of(fields: str, folder: Path) -> list[Problem]:
    (folder / "mine.toml").write_text(
        f'extends = "hubspot"\n[contact.fields]\n{fields}\n', encoding="utf-8"
    )
    mapping = load_mapping("mine.toml", folder=folder, adapter="hubspot")
    return validate_mapping(mapping, contact_schema=CONTACTS, message_schema=MESSAGES)


def test_the_shipped_mapping_fits_what_hubspot_has(tmp_path: Path) -> None:
    assert problems_of("", tmp_path) == []


def test_a_misspelt_field_says_file_line_and_nearest_name(tmp_path: Path) -> None:
    (problem,) = problems_of('\nfistname = "{{ contact.first_name }}"', tmp_path)

    assert (problem.file, problem.line, problem.key, problem.nearest) == (
        "mine.toml",
        4,
        "contact.fields.fistname",
        "firstname",
    )
    assert "contacts" in problem.message


@pytest.mark.parametrize("label", ["Birthday", "Brithday"])
def test_a_label_in_place_of_a_name_is_answered_with_the_name(label: str, tmp_path: Path) -> None:
    (problem,) = problems_of(f'{label} = "2026-11-24"', tmp_path)

    assert problem.nearest == "born"


def test_a_read_only_field_is_refused(tmp_path: Path) -> None:
    (problem,) = problems_of("score = 1", tmp_path)

    assert problem.message == "is read-only in the CRM"


@pytest.mark.parametrize(
    ("field", "value", "nearest"),
    [
        ("age", '"{{ contact.display_name }}"', None),
        ("age", '"{{ contact.key }}"', None),
        ("age", '"{{ contact.labels }}"', None),
        ("age", '"muitos"', None),
        ("age", "true", None),
        ("born", '"{{ contact.phone.digits }}"', None),
        ("born", '"amanhã"', None),
        ("born", "true", None),
        ("seen", '"{{ contact.marketing_opt_out }}"', None),
        ("seen", '"{{ contact.country }}"', None),
        ("optout", '"{{ contact.first_seen_at }}"', None),
        ("optout", '"sim"', None),
        ("optout", "1", None),
        ("lifecyclestage", '"leed"', "lead"),
        ("lifecyclestage", '"{{ contact.labels }}"', None),
        ("lifecyclestage", '"{{ contact.display_name }}"', None),
        ("lifecyclestage", "\"{{ 'leed' if contact.username else 'lead' }}\"", "lead"),
        ("lifecyclestage", "\"{{ contact.country or 'custommer' }}\"", "customer"),
        ("lifecyclestage", "\"{{ contact.country | default('leads') }}\"", "lead"),
        ("lifecyclestage", "true", None),
        ("tags", '"vip;nova"', "novo"),
        ("tags", '["vip", "vop"]', "vip"),
        ("tags", '"{{ contact.first_seen_at }}"', None),
    ],
)
def test_a_value_of_another_type_or_option_is_refused(
    field: str, value: str, nearest: str | None, tmp_path: Path
) -> None:
    (problem,) = problems_of(f"{field} = {value}", tmp_path)

    assert (problem.key, problem.line) == (f"contact.fields.{field}", 3)
    assert problem.nearest == nearest
    assert problem.expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("age", "1.5"),
        ("age", '"12"'),
        ("age", '"{{ contact.phone.digits }}"'),
        ("age", '"{{ contact.first_seen_at | epoch }}"'),
        ("age", "\"{{ contact.first_seen_at | date('%Y') }}\""),
        ("born", "2026-11-24"),
        ("born", '"{{ contact.first_seen_at }}"'),
        ("born", '"{{ contact.first_seen_at | date }}"'),
        ("seen", "2026-11-24T10:00:00Z"),
        ("seen", '"1795525500000"'),
        ("seen", '"{{ contact.last_message_at or contact.first_seen_at }}"'),
        ("optout", "false"),
        ("optout", '"true"'),
        ("optout", '"{{ contact.marketing_opt_out }}"'),
        ("optout", "\"{{ 'vip' in contact.labels }}\""),
        ("lifecyclestage", '"customer"'),
        ("lifecyclestage", '"{{ contact.country }}"'),
        ("tags", '"vip;novo"'),
        ("tags", '["vip"]'),
        ("tags", '"{{ contact.labels }}"'),
        ("bio", '"{{ contact.labels }}"'),
        ("extra", '"{{ contact.labels | json }}"'),
        ("firstname", '"{{ contact.first_seen_at }}"'),
        ("fistname", '""'),
    ],
)
def test_a_value_that_fits_or_may_fit_is_taken(field: str, value: str, tmp_path: Path) -> None:
    assert problems_of(f"{field} = {value}", tmp_path) == []


def test_a_crm_that_cannot_be_asked_is_not_checked_against(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'extends = "hubspot"\n[contact.fields]\nanything = 1\n', encoding="utf-8"
    )
    mapping = load_mapping("mine.toml", folder=tmp_path, adapter="hubspot")

    assert validate_mapping(mapping, contact_schema={}, message_schema={}) == []


def test_every_template_that_fails_for_some_people_is_found(tmp_path: Path) -> None:
    problems = problems_of(
        "firstname = \"{{ contact.username + 'x' }}\"\n"
        "lastname = \"{{ contact.phone.e164 + 'x' }}\"\n"
        'phone = "{{ contact.key / 2 }}"',
        tmp_path,
    )

    assert [(problem.line, problem.key, problem.message) for problem in problems] == [
        (5, "contact.fields.phone", "the template fails for everybody"),
        (3, "contact.fields.firstname", "the template fails for people without phone and name"),
        (4, "contact.fields.lastname", "the template fails for people without phone and name"),
    ]


def test_every_type_of_field_is_known_to_the_check() -> None:
    types: set[FieldType] = {info.type for info in (CONTACTS | MESSAGES).values()}

    assert types == {
        *("text", "html", "number", "bool", "date", "datetime", "option", "options", "json")
    }
