"""A mapping file is found, laid over the one it extends, and complained about all at once."""

from pathlib import Path

import pytest

from connector.errors import ConfigError, Problem
from connector.mapping.load import load_mapping
from connector.mapping.models import Field, Mapping
from connector.template.reading import Template

REST = """
[auth]
kind = "bearer"
[contact]
object = "contacts"
once = "put"
fields = { name = "{{ contact.display_name }}" }
[contact.put]
path = "/contacts/{{ key }}"
body = { data = "{{ fields }}", who = "{{ contact.username }}" }
[message]
object = "messages"
once = "none"
on_doubt = "repeat"
fields = { text = "{{ message.text }}" }
[[message.create]]
path = "/messages"
"""


def load(text: str, folder: Path, *, adapter: str = "hubspot") -> Mapping:
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return load_mapping("mine.toml", folder=folder, adapter=adapter)


def problems_of(text: str, folder: Path, *, adapter: str = "hubspot") -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(text, folder, adapter=adapter)
    return caught.value.problems


@pytest.mark.parametrize("reference", [None, "hubspot", "mappings/hubspot.toml", "hubspot.toml"])
def test_a_shipped_mapping_is_found_by_any_of_its_names(
    reference: str | None, tmp_path: Path
) -> None:
    mapping = load_mapping(reference, folder=tmp_path, adapter="hubspot")

    assert mapping.file == "mappings/hubspot.toml"
    assert (mapping.contact.object, mapping.contact.key) == ("contacts", "wa_contact_key")
    assert (mapping.message.object, mapping.message.key) == ("communications", "wa_message_key")
    assert mapping.contact.match == ("phone",)
    assert mapping.contact.on_many == "review"
    assert mapping.contact.fields["phone"].write == "if_empty"
    assert mapping.contact.fields["lifecyclestage"] == Field("lead", write="create")
    assert mapping.message.granularity == "message"
    assert mapping.message.associate == {}


def test_a_file_beside_the_configuration_wins_over_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "mappings").mkdir()
    (tmp_path / "mappings" / "hubspot.toml").write_text(
        'extends = "hubspot"\n[contact]\non_many = "oldest"\n', encoding="utf-8"
    )

    mapping = load_mapping("mappings/hubspot.toml", folder=tmp_path, adapter="hubspot")

    assert mapping.contact.on_many == "oldest"
    assert mapping.contact.object == "contacts"


@pytest.mark.parametrize(
    ("reference", "nearest"), [("hubspto", "hubspot"), ("mappings/hubspt.toml", "hubspot")]
)
def test_a_mapping_that_is_not_there_names_the_nearest(
    reference: str, nearest: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_mapping(reference, folder=tmp_path, adapter="hubspot")

    (problem,) = caught.value.problems
    assert (problem.file, problem.nearest) == (reference, nearest)


@pytest.mark.parametrize("reference", ["labels", "mappings/labels.toml"])
def test_the_shipped_labels_are_no_mapping(reference: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such mapping"):
        load_mapping(reference, folder=tmp_path, adapter="hubspot")


def test_an_adapter_without_a_shipped_mapping_asks_for_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no mapping is shipped for the adapter rest"):
        load_mapping(None, folder=tmp_path, adapter="rest")


def test_a_file_overrides_what_it_extends_key_by_key(tmp_path: Path) -> None:
    mapping = load(
        """
        extends = "hubspot"
        [contact.fields]
        phone = { write = "always" }
        lastname = ""
        firstname = "{{ contact.display_name }}"
        jobtitle = { value = "x", required = true }
        [message.fields]
        hs_timestamp = { write = "create" }
        [message.associate]
        ticket = "newest_open"
        """,
        tmp_path,
    )

    fields = mapping.contact.fields
    assert isinstance(fields["phone"].value, Template)
    assert fields["phone"].value.path == "contact.phone.e164"
    assert fields["phone"].write == "always"
    assert "lastname" not in fields
    assert fields["firstname"].write == "always"
    assert fields["jobtitle"] == Field("x", required=True)
    assert mapping.message.fields["hs_timestamp"].write == "create"
    assert "hs_communication_body" in mapping.message.fields
    assert mapping.message.associate == {"ticket": "newest_open"}


def test_extending_goes_on_from_one_shipped_mapping_to_the_next(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    sections = '[contact]\nobject = "a"\n[message]\nobject = "b"\n'
    (shipped / "one.toml").write_text(sections, encoding="utf-8")
    (shipped / "two.toml").write_text(
        'extends = "one"\n[contact]\nobject = "c"\n', encoding="utf-8"
    )

    mapping = load_mapping("two", folder=tmp_path, adapter="x", shipped=shipped)

    assert (mapping.contact.object, mapping.message.object) == ("c", "b")


@pytest.mark.parametrize("base", ['"hubspt"', '"labels"', '"mine"', "7", '"../mine"'])
def test_extending_something_that_is_not_shipped_is_a_problem(base: str, tmp_path: Path) -> None:
    (problem,) = problems_of(f"\nextends = {base}\n", tmp_path)

    assert (problem.key, problem.line) == ("extends", 2)


def test_two_mappings_that_extend_each_other_are_a_problem(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text('extends = "two"', encoding="utf-8")
    (tmp_path / "two.toml").write_text('extends = "one"', encoding="utf-8")

    with pytest.raises(ConfigError, match="extends"):
        load_mapping("one", folder=tmp_path / "x", adapter="one", shipped=tmp_path)


def test_every_mistake_is_said_at_once_with_its_line(tmp_path: Path) -> None:
    text = """extends = "hubspot"
colour = "red"
[contact]
on_manny = "review"
on_many = "newest"
match = ["email"]
[contact.fields]
firstname = "{{ contact.fist_name }}"
lastname = { value = "{{ contact.last_name | trunkate(3) }}", write = "allways" }
phone = { value = "x", requierd = true }
jobtitle = { write = "create" }
age = nan
note = "{{ contact.phone.e164 "
[message]
granularity = "messages"
[message.associate]
deal = "oldest"
deel = "newest_open"
"""

    problems = problems_of(text, tmp_path)

    found = [(problem.line, problem.key, problem.nearest) for problem in problems]
    assert found == [
        (2, "colour", None),
        (4, "contact.on_manny", "on_many"),
        (5, "contact.on_many", None),
        (6, "contact.match", None),
        (8, "contact.fields.firstname", "first_name"),
        (9, "contact.fields.lastname", "truncate"),
        (9, "contact.fields.lastname.write", "always"),
        (10, "contact.fields.phone.requierd", "required"),
        (11, "contact.fields.jobtitle", None),
        (12, "contact.fields.age", None),
        (13, "contact.fields.note", None),
        (15, "message.granularity", "message"),
        (17, "message.associate.deal", None),
        (18, "message.associate.deel", "deal"),
    ]
    assert {problem.file for problem in problems} == {"mine.toml"}
    assert all(problem.expected for problem in problems if problem.line != 13)


def test_a_mistake_of_the_extended_file_names_that_file(tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "base.toml").write_text(
        '[contact]\nobject = "a"\nfields = { x = "{{ contact.kee }}" }\n[message]\nobject = "b"\n',
        encoding="utf-8",
    )
    (tmp_path / "mine.toml").write_text(
        'extends = "base"\n[contact.fields]\ny = "{{ contact.kee }}"\n', encoding="utf-8"
    )

    with pytest.raises(ConfigError) as caught:
        load_mapping("mine.toml", folder=tmp_path, adapter="x", shipped=shipped)

    assert {(p.file, p.line, p.key) for p in caught.value.problems} == {
        ("mappings/base.toml", 3, "contact.fields.x"),
        ("mine.toml", 3, "contact.fields.y"),
    }


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", {"contact", "message"}),
        ("contact = 1\nmessage = 2", {"contact", "message"}),
        ("[contact]\n[message]\nobject = ''", {"contact", "message.object"}),
        ("[contact]\nkey = 1\n[message]\nobject = 3", {"contact.key", "contact.object"}),
        (
            "[contact]\nobject = 'a'\nfields = 1\n[message]\nobject = 'b'\nassociate = 1",
            {"contact.fields", "message.associate"},
        ),
    ],
)
def test_a_section_that_is_no_section_is_a_problem(
    text: str, keys: set[str], tmp_path: Path
) -> None:
    found = {problem.key for problem in problems_of(text, tmp_path)}

    assert keys <= found | {"contact"}


@pytest.mark.parametrize(("text", "line"), [("[contact\n", 1), ("a = 1\na = 2\n", 2)])
def test_a_file_that_is_no_toml_says_where(text: str, line: int, tmp_path: Path) -> None:
    (problem,) = problems_of(text, tmp_path)

    assert (problem.file, problem.line) == ("mine.toml", line)


def test_the_digest_is_over_what_is_in_effect(tmp_path: Path) -> None:
    one = load('extends = "hubspot"\n', tmp_path)
    same = load("# a comment\nextends   = 'hubspot'\n[contact]\n", tmp_path)
    other = load('extends = "hubspot"\n[contact.fields]\nx = "y"\n', tmp_path)

    assert one.digest == same.digest
    assert one.digest != other.digest
    assert len(one.digest) == 64


def test_granularity_follows_the_adapter_where_nothing_is_said(tmp_path: Path) -> None:
    text = '[contact]\nobject = "persons"\n[message]\nobject = "activities"\n'

    assert load(text, tmp_path, adapter="pipedrive").message.granularity == "conversation"
    assert load(text, tmp_path, adapter="hubspot").message.granularity == "message"


def test_with_conversations_the_message_is_not_defined(tmp_path: Path) -> None:
    (problem,) = problems_of(
        'extends = "hubspot"\n[message]\ngranularity = "conversation"\n'
        '[message.fields]\nhs_timestamp = "{{ conversation.started_at }}"\n',
        tmp_path,
    )

    assert problem.key == "message.fields.hs_communication_body"
    assert problem.file == "mappings/hubspot.toml"


def test_uses_says_which_names_any_template_reads(tmp_path: Path) -> None:
    mapping = load(
        'extends = "hubspot"\n[message.fields]\n'
        'a = "{% if message.status %}x{% endif %}"\n'
        'b = ["{{ message.media.filename }}", "{{ number.name }}"]\n',
        tmp_path,
    )

    assert mapping.uses("message") == {"html", "sent_at", "status", "media", "media.filename"}
    assert mapping.uses("number") == {"name"}
    assert mapping.uses("conversation") == frozenset()
    assert {"phone", "phone.e164", "first_name"} <= mapping.uses("contact")


def test_what_a_rest_mapping_leaves_to_its_adapter_is_handed_on_as_it_stands(
    tmp_path: Path,
) -> None:
    mapping = load(REST, tmp_path, adapter="rest")

    assert mapping.requests["auth"] == {"kind": "bearer"}
    assert mapping.requests["contact"]["once"] == "put"
    assert mapping.requests["contact"]["put"]["path"] == "/contacts/{{ key }}"
    assert mapping.requests["message"]["create"] == [{"path": "/messages"}]
    assert (mapping.contact.once, mapping.message.once) == ("put", "none")
    assert mapping.message.on_doubt == "repeat"
    assert mapping.uses("contact") == {"display_name", "username"}


def test_other_adapters_take_no_requests(tmp_path: Path) -> None:
    found = {problem.key for problem in problems_of(REST, tmp_path, adapter="hubspot")}

    assert {"auth", "contact.once", "contact.put", "message.create", "message.on_doubt"} <= found


def test_a_slip_of_the_pen_is_found_in_a_rest_mapping_too(tmp_path: Path) -> None:
    text = REST.replace('once = "put"', 'onse = "put"').replace("[auth]", "[auht]")

    found = {(p.key, p.nearest) for p in problems_of(text, tmp_path, adapter="rest")}

    assert found == {("auht", "auth"), ("contact.onse", "once"), ("contact.once", None)}


def test_rest_fields_may_be_lists_and_tables(tmp_path: Path) -> None:
    text = REST.replace(
        'fields = { text = "{{ message.text }}" }',
        'fields = { a = { type = "x", value = "{{ message.text }}" },'
        ' b = [{ v = "{{ message.typo }}" }],'
        ' c = { value = { d = "{{ message.keys }}" }, wirte = "create" } }',
    )

    found = {(p.key, p.nearest) for p in problems_of(text, tmp_path, adapter="rest")}

    assert found == {
        ("message.fields.b[0].v", "type"),
        ("message.fields.c.value.d", "key"),
        ("message.fields.c.wirte", "write"),
    }


def test_constants_keep_their_types(tmp_path: Path) -> None:
    mapping = load(
        'extends = "hubspot"\n[contact.fields]\na = 1\nb = 1.5\nc = true\nd = 2026-11-24\n'
        'e = 2026-11-24T10:00:00Z\nf = ["x", 2]\ng = "{{"\n'.replace('g = "{{"\n', ""),
        tmp_path,
    )

    values = {name: field.value for name, field in mapping.contact.fields.items()}
    assert (values["a"], values["b"], values["c"], values["d"]) == (1, 1.5, True, "2026-11-24")
    assert values["f"] == ["x", 2]
    assert str(values["e"]) == "2026-11-24 10:00:00+00:00"
