"""Templates may name the vocabulary and nothing else, and mistakes name what was meant."""

from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from jinja2 import TemplateError

from connector.mapping.vocabulary import ALL, VOCABULARIES, Part
from connector.template.names import Vocabulary
from connector.template.reading import Fault, Template, names_read, read_template
from connector.template.sandbox import Sandbox


def faults_of(source: str, part: Part = "message") -> tuple[Fault, ...]:
    return read_template(source, VOCABULARIES[part])[1]


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ contact.__class__ }}",
    "{{ contact._contact }}",
    "{{ contact._setting.labels }}",
    "{{ contact.display_name.__class__.__mro__ }}",
    "{{ contact['__class__'] }}",
    "{{ contact.labels['__class__'] }}",
    "{{ contact.labels.__class__ }}",
    "{{ contact.display_name.upper() }}",
    "{{ contact.display_name.format(1) }}",
    "{{ message.text.encode }}",
    "{{ number.__init__.__globals__ }}",
    "{{ message.content }}",
    "{{ contact.profile_name }}",
    "{{ range(10) }}",
    "{{ lipsum() }}",
    "{{ cycler.__init__ }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ dict(a=1) }}",
    "{{ config }}",
    "{{ joiner }}",
    "{{ namespace() }}",
    "{{ contact.labels | map(attribute='__class__') }}",
    "{{ contact.labels | join }}",
    "{{ message.html | safe }}",
    "{{ message.text | attr('__class__') }}",
    "{{ message.text | format('x') }}",
    "{{ message.text | xmlattr }}",
    "{{ message.text | batch(1000000) }}",
    "{{ message.text is callable }}",
    "{{ message.text is filter }}",
    "{% for x in range(10) %}{% endfor %}",
    "{% for x in message.text %}{% endfor %}",
    "{% for x in contact.labels recursive %}{{ loop(x) }}{% endfor %}",
    "{% for x in contact.labels %}{% for y in contact.labels %}{% endfor %}{% endfor %}",
    "{% for x in contact.labels %}{{ x.__class__ }}{% endfor %}",
    "{% for x in contact.labels %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in contact.labels %}{{ loop.cycle }}{% endfor %}",
    "{% for a, b in contact.labels %}{% endfor %}",
    "{% for x in [1, 2] %}{% endfor %}",
    "{% set x = 1 %}",
    "{% include 'hubspot.toml' %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% extends 'x' %}",
    "{% macro m() %}{% endmacro %}",
    "{% call m() %}{% endcall %}",
    "{% block b %}{% endblock %}",
    "{% filter escape %}{% endfilter %}",
    "{% with a = 1 %}{% endwith %}",
    "{% autoescape false %}{% endautoescape %}",
    "{% do 1 %}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ {'a': 1} }}",
    "{{ message.text[0:3] }}",
    "{{ message.text | truncate(number.name) }}",
    "{{ message.sent_at | date(message.text) }}",
    "{{ message.text | truncate(*contact.labels) }}",
    "{{ message.text | truncate(**contact) }}",
    "{{ message }}",
    "{{ contact.phone }}",
    "{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}",
    "{{ 1" + "0" * 6000 + " }}",
    "x" * 10_001 + "{{ 1 }}",
]


@pytest.mark.parametrize("source", ESCAPES, ids=lambda source: source[:60])
def test_a_way_out_of_the_sandbox_is_refused_when_the_file_is_read(source: str) -> None:
    assert faults_of(source)


@pytest.mark.parametrize(
    "source",
    [
        "{{ x.__class__ }}",
        "{{ x.__class__.__mro__ }}",
        "{{ x.upper() }}",
        "{{ '%s' % x }}",
        "{{ x * 1000000000 }}",
        "{{ 1000000000 * x }}",
        "{{ 9 ** 9 }}",
        "{{ range(3) }}",
        "{{ x | safe }}",
        "{{ x | attr('upper') }}",
        "{{ x is callable }}",
        "{{ unknown }}",
    ],
)
@pytest.mark.parametrize("html", [True, False])
def test_the_sandbox_itself_refuses_what_the_reader_should_never_let_through(
    source: str, *, html: bool
) -> None:
    sandbox = Sandbox(html=html, time_zone=ZoneInfo("UTC"))
    forged = Template(source, frozenset(), single="%" not in source)

    with pytest.raises((TemplateError, TypeError)):
        sandbox.bind(forged)({"x": "text"}).strip()


@pytest.mark.parametrize(
    "source",
    [
        "{{ message.text }}",
        "{{ contact.phone.e164 }}",
        "Oi {{ contact.first_name or contact.display_name }}!",
        "{{ contact.labels[0] }}",
        "{{ conversation.first_response_seconds }}",
        "{% if contact.username is defined %}@{{ contact.username }}{% else %}-{% endif %}",
        "{% for x in contact.labels if x != 'a' %}{{ x }}{{ ';' if not loop.last }}{% endfor %}",
        "{{ 'vip' in contact.labels }}",
        "{{ contact.country in ['BR', 'PT'] }}",
        "{{ message.sent_at | date('%d/%m/%Y', local=true) }}",
        "{{ contact.username | default(contact.first_name) | truncate(10, end='') }}",
        "{{ 'a' ~ contact.key ~ 'b' }}",
        "{{ 3 * 4 // 5 - 1 }}",
        "{# said #}{{ message.key }}",
        "{% raw %}{{ x }}{% endraw %}",
    ],
)
def test_what_the_readme_promises_is_allowed(source: str) -> None:
    part: Part = "conversation" if "conversation." in source else "message"

    assert faults_of(source, part) == ()


@pytest.mark.parametrize(
    ("source", "message", "nearest"),
    [
        ("{{ contact.fist_name }}", "contact.fist_name is unknown", "first_name"),
        ("{{ contact.phone.e146 }}", "contact.phone.e146 is unknown", "phone.e164"),
        ("{{ contakt.key }}", "contakt is unknown", "contact"),
        ("{{ message.txt }}", "message.txt is unknown", "text"),
        ("{{ message.text | truncat(3) }}", "the filter truncat is unknown", "truncate"),
        ("{{ message.text is definde }}", "the test definde is unknown", "defined"),
        ("{{ message.text.upper }}", "message.text has no parts", "text"),
        ("{{ contact.phone }}", "contact.phone is not a value of its own", None),
        (
            "{{ conversation.key }}",
            'conversation is not defined with granularity = "message"',
            None,
        ),
        ("{{ message.text | date(1, 2, 3) }}", "the filter date has other arguments", None),
        ("{{ message.text | date(patern='') }}", "the filter date has other arguments", None),
    ],
)
def test_a_mistake_names_what_was_probably_meant(
    source: str, message: str, nearest: str | None
) -> None:
    (fault,) = faults_of(source)

    assert (fault.message, fault.nearest) == (message, nearest)
    assert fault.expected


def test_a_syntax_error_is_a_fault_with_its_reason() -> None:
    (fault,) = faults_of("{{ message.text ")

    assert fault.message.startswith("is not a template: ")


@pytest.mark.parametrize(
    ("part", "source"),
    [
        ("contact", "{{ message.text }}"),
        ("contact", "{{ number.name }}"),
        ("conversation", "{{ message.text }}"),
        ("message", "{{ conversation.key }}"),
    ],
)
def test_a_section_has_its_own_names(part: Part, source: str) -> None:
    (fault,) = faults_of(source, part)

    assert "is not defined" in fault.message


def test_a_template_says_what_it_reads_and_gives() -> None:
    template, _ = read_template(" {{ contact.phone.e164 }} ", VOCABULARIES["contact"])
    either, _ = read_template(
        "{{ 'a' if message.status else message.type or 'b' }}", VOCABULARIES["message"]
    )
    mixed, _ = read_template("{{ message.sent_at }}!", VOCABULARIES["message"])

    assert (template.path, template.type, template.single) == ("contact.phone.e164", "digits", True)
    assert either.paths == {"message.status", "message.type"}
    assert either.constants == ("a", "b")
    assert (mixed.single, mixed.path, mixed.type) == (False, None, "text")


def test_the_names_in_a_request_are_found_among_names_of_other_kinds() -> None:
    found = names_read(
        "/people/{{ contact.crm_id }}/{{ saved.note }}?p={{ phone.e164 | odd }}", ALL
    )

    assert found == {"contact", "contact.crm_id"}
    assert names_read("{{ broken", ALL) == frozenset()


@pytest.mark.parametrize(
    ("text", "number"), [("33451", 33451), ("-2", -2), ("1.5", 1.5), ("", None)]
)
def test_the_filter_number_makes_a_number_of_a_text(text: str, number: float | None) -> None:
    vocabulary = Vocabulary({"crm_id": {"": "text"}})
    template, _ = read_template("{{ crm_id | number }}", vocabulary)

    assert Sandbox(html=False, time_zone=ZoneInfo("UTC")).bind(template)({"crm_id": text}) == number


def test_a_part_of_a_table_is_its_item_and_never_a_method() -> None:
    vocabulary = Vocabulary({"fields": {"": "table", "items": "text", "gone": "text"}})
    roots = {"fields": {"items": "bread"}}
    sandbox = Sandbox(html=False, time_zone=ZoneInfo("UTC"))

    def value_of(source: str) -> object:
        template, faults = read_template(source, vocabulary)
        assert not faults
        return sandbox.bind(template)(roots)

    assert value_of("{{ fields }}") == {"items": "bread"}
    assert value_of("{{ fields.items }}") == "bread"
    assert value_of("a {{ fields.items }} {{ fields.gone }}") == "a bread "
    assert value_of("{{ fields.gone }}") is None
    assert value_of("{{ fields.gone or fields.items }}") == "bread"


def test_values_amid_text_are_spelt_as_the_sandbox_was_told() -> None:
    template, _ = read_template("/{{ key }}/{{ 'ü' }}", Vocabulary({"key": {"": "text"}}))
    sandbox = Sandbox(html=False, time_zone=ZoneInfo("UTC"), spell=lambda value: quote(value, ""))

    assert sandbox.bind_text(template.source)({"key": "a/b?"}) == "/a%2Fb%3F/%C3%BC"
