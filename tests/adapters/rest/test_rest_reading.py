"""A mistake in a REST mapping is found before any request, with its line and the nearest name."""

import re
from pathlib import Path
from typing import Any

import pytest

from adapters.rest import RestSettings
from connector.config.models import OAuth
from connector.config.paths import shipped_mappings
from connector.config.secret import Secret
from connector.errors import ConfigError, Problem
from connector.mapping.load import load_mapping

WHOLE = """\
[auth]
kind = "bearer"
scheme = "Token"

[limits]
rate = { requests = 5, per = "1s" }
concurrency = 2
daily = 1000
costs = { find = 5 }

[ping]
path = "/me"

[[setup]]
what = "the list"
path = "/lists/people"

[[errors]]
status = [409, 423]
pointer = "/error/code"
matches = "LOCKED"
class = "retry"
wait = "10s"

[contact]
object = "people"
once = "lookup"
key = "ref"

[contact.fields]
name = "{{ contact.display_name }}"
phone = "{{ contact.phone.e164 }}"

[[contact.find]]
path = "/people"
query = { phone = "{{ phone.e164 }}" }
records = "/items"
id = "/id"
phones = ["/phone", "/home"]
paging = { kind = "page", name = "page", size = 50, size_name = "per_page" }

[contact.lookup]
path = "/people"
query = { ref = "{{ key }}" }
records = "/items"
id = "/id"
marker = "/ref"
strong = true

[contact.create]
path = "/people"
headers = { X-Source = "whatsapp" }
body = { person = "{{ fields }}", tags = ["whatsapp"] }
id = "/id"

[contact.update]
method = "PUT"
path = "/people/{{ crm_id }}"
body = { name = "{{ fields.name }}" }

[message]
object = "notes"
once = "header"
key_ttl = "24h"

[message.fields]
text = "{{ message.text }}"

[[message.create]]
path = "/notes"
headers = { Idempotency-Key = "{{ idempotency_key }}" }
body = "{{ fields }}"
id = "/id"
save = { note = "/id" }

[[message.create]]
method = "PUT"
path = "/people/{{ contact.crm_id }}/notes/{{ saved.note }}"
"""


def problems_of(source: str, folder: Path, **settings: Any) -> list[Problem]:
    """Return the problems of a mapping as an admin sees them."""
    (folder / "crm.toml").write_text(source, encoding="utf-8")
    mapping = load_mapping("crm.toml", folder=folder, adapter="rest")
    known: dict[str, Any] = {
        "adapter": "rest",
        "mapping": "rest/sandbox",
        "base_url": "https://crm.example.com",
        "token": Secret(env="T", environ={"T": "x"}),
    }
    try:
        RestSettings(**{**known, **settings}).complete(mapping.requests)
    except ConfigError as error:
        return [
            mapping.problem(
                found.path, found.message, expected=found.expected, nearest=found.nearest
            )
            if found.path
            else found
            for found in error.problems
        ]
    return []


def test_a_whole_mapping_has_no_problem(tmp_path: Path) -> None:
    assert problems_of(WHOLE, tmp_path) == []


@pytest.mark.parametrize("name", [n for n in shipped_mappings() if n.startswith("rest/")])
def test_a_shipped_mapping_has_no_problem(name: str, tmp_path: Path) -> None:
    mapping = load_mapping(name, folder=tmp_path, adapter="rest")
    kind = mapping.requests["auth"]["kind"]
    oauth = OAuth(
        client_id="c",
        client_secret=Secret(env="S", environ={"S": "x"}),
        token_url="https://crm.example.com/token",
    )
    base_url: Any = "https://crm.example.com"
    if kind == "url":
        base_url = Secret(env="U", environ={"U": "https://crm.example.com/rest/1/secret"})
    settings = RestSettings(
        adapter="rest",
        mapping=name,
        base_url=base_url,
        username="u",
        password=Secret(env="P", environ={"P": "x"}),
        **({"oauth": oauth} if kind == "oauth2" else {"token": Secret(env="T", environ={})}),
    )

    assert settings.complete(mapping.requests).plan


MISTAKES = [
    # what stands there, what is written instead, where, what is said, the nearest name
    ('kind = "bearer"', 'kind = "beerer"', "auth.kind", "is unknown", "bearer"),
    ('scheme = "Token"', 'schema = "Token"', "auth.schema", "unknown key", "scheme"),
    ("concurrency = 2", "concurency = 2", "limits.concurency", "unknown key", "concurrency"),
    ("concurrency = 2", "concurrency = 0", "limits.concurrency", "is not a number", None),
    ('per = "1s"', 'per = "1 second"', "limits.rate.per", "is not a duration", None),
    ("costs = { find", "costs = { fnd", "limits.costs.fnd", "unknown key", "find"),
    ('path = "/me"', 'pth = "/me"', "ping.pth", "unknown key", "path"),
    ('what = "the list"', "", "setup[0].what", "is missing", None),
    ('class = "retry"', 'class = "retries"', "errors[0].class", "is unknown", "retry"),
    ('matches = "LOCKED"', 'matches = "(a+)+"', "errors[0].matches", "repeats a group", None),
    ('pointer = "/error/code"', 'pointer = "error.code"', "errors[0].pointer", None, "/error/code"),
    ("status = [409, 423]", 'status = "4xx"', "errors[0].status", "is not a status", None),
    ('wait = "10s"', 'wait = "soon"', "errors[0].wait", "is not a duration", None),
    (
        '{{ phone.e164 }}" }\nrecords',
        '{{ phone.e146 }}" }\nrecords',
        "contact.find[0].query.phone",
        "phone.e146 is unknown",
        "e164",
    ),
    ('phones = ["/phone", "/home"]', "", "contact.find[0].phones", "is missing, so that", None),
    ('phones = ["/phone"', 'phones = ["phone"', "contact.find[0].phones[0]", None, "/phone"),
    ("size = 50, ", "", "contact.find[0].paging.size", "is missing", None),
    ('kind = "page", name', 'kind = "pages", name', "contact.find[0].paging.kind", None, "page"),
    ("strong = true", "", "contact.lookup.strong", "is missing", None),
    ('marker = "/ref"', "", "contact.lookup.marker", "is missing", None),
    (
        'ref = "{{ key }}"',
        'ref = "{{ crm_id }}"',
        "contact.lookup.query.ref",
        "crm_id is not",
        None,
    ),
    ('query = { ref = "{{ key }}" }', "", "contact.lookup", "asks for everything", None),
    ("X-Source", "Authorization", "contact.create.headers.Authorization", "cannot be set", None),
    ('{{ fields }}", tags', '{{ field }}", tags', "contact.create.body.person", None, "fields"),
    ('"{{ fields.name }}"', '"{{ fields.nome }}"', "contact.update.body.name", None, "name"),
    ('"{{ fields.name }}"', '"{{ fields.name | trunc }}"', "contact.update.body.name", None, None),
    (
        "/people/{{ crm_id }}",
        "/people/{{ crm_id }}?x=1",
        "contact.update.path",
        "is not a path",
        None,
    ),
    ("/people/{{ crm_id }}", "/a/../{{ crm_id }}", "contact.update.path", "leaves its place", None),
    ("/people/{{ crm_id }}", "//evil/{{ crm_id }}", "contact.update.path", "is not a path", None),
    (
        'method = "PUT"\npath = "/people/{{ crm',
        'method = "PUTT"\npath = "/people/{{ crm',
        "contact.update.method",
        "is unknown",
        "PUT",
    ),
    (
        'body = { person = "{{ fields }}", tags = ["whatsapp"] }\nid = "/id"',
        'body = { person = "{{ fields }}", tags = ["whatsapp"] }',
        "contact.create.id",
        "is missing",
        None,
    ),
    ('key_ttl = "24h"', "", "message.key_ttl", "is missing", None),
    (
        'Idempotency-Key = "{{ idempotency_key }}"',
        'X = "1"',
        "message.create[0].headers",
        "lacks the idempotency key",
        None,
    ),
    ("{{ saved.note }}", "{{ saved.nota }}", "message.create[1].path", None, "note"),
    (
        "{{ saved.note }}",
        "{{ idempotency_key }}",
        "message.create[1].path",
        "idempotency_key is",
        None,
    ),
    ('object = "notes"', 'object = "people"', "message.object", "is that of contacts", None),
    ('once = "header"', 'once = "lookup"', "message.lookup", "is missing", None),
    ('key = "ref"', 'key = "ref"\non_doubt = "repeat"', "contact.on_doubt", "is not needed", None),
    ('key = "ref"', 'key = "ref"\ncolour = 1', "contact.colour", "unknown key", None),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=[mistake[2] for mistake in MISTAKES])
def test_a_mistake_is_told_with_its_line_and_what_was_meant(
    mistake: tuple[str, str, str, str | None, str | None], tmp_path: Path
) -> None:
    there, instead, key, message, nearest = mistake
    assert WHOLE.count(there) == 1
    source = WHOLE.replace(there, instead)

    found = {problem.key: problem for problem in problems_of(source, tmp_path)}

    assert key in found
    problem = found[key]
    assert problem.file == "crm.toml"
    assert problem.line is not None
    lines = source.splitlines()
    name = re.split(r"[.\[]", key.rstrip("0123456789]"))[-1]
    written = lines[problem.line - 1]
    assert name in written or written.startswith("[")
    if message is not None:
        assert message in problem.message
    if nearest is not None:
        assert problem.nearest == nearest
    assert problem.expected or nearest or message


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    source = WHOLE.replace('kind = "bearer"', 'kind = "beerer"').replace(
        "{{ saved.note }}", "{{ saved.nota }}"
    )

    keys = [problem.key for problem in problems_of(source, tmp_path)]

    assert keys == ["auth.kind", "message.create[1].path"]


@pytest.mark.parametrize(
    ("auth", "settings", "key"),
    [
        ('kind = "bearer"', {"token": None}, "token"),
        ('kind = "basic"', {}, "username"),
        ('kind = "basic"', {"username": "ana"}, "password"),
        ('kind = "header"\nname = "X-Api-Key"', {"token": None}, "token"),
        ('kind = "url"', {}, "base_url"),
        ('kind = "oauth2"', {}, "oauth"),
        ('kind = "hmac"\nname = "X-Sign"\nsigned = "{{ body }}"', {"token": None}, "password"),
    ],
)
def test_a_secret_that_the_configuration_lacks_is_told(
    auth: str, settings: dict[str, Any], key: str, tmp_path: Path
) -> None:
    source = WHOLE.replace('kind = "bearer"\nscheme = "Token"', auth)

    (problem,) = problems_of(source, tmp_path, **settings)

    assert problem.key == key
    assert problem.path == ()
    assert problem.expected


def test_a_write_of_many_needs_records_and_a_batch(tmp_path: Path) -> None:
    batch = 'batch = { max = 10, results = "/items", id = "/id" }\n'
    body = 'body = { person = "{{ fields }}", tags = ["whatsapp"] }\n'

    lacking = problems_of(WHOLE.replace(body, body + batch), tmp_path)
    mixed = problems_of(
        WHOLE.replace(body, 'body = { all = "{{ records }}", one = "{{ key }}" }\n' + batch),
        tmp_path,
    )
    right = problems_of(WHOLE.replace(body, 'body = "{{ records }}"\n' + batch), tmp_path)

    assert [problem.key for problem in lacking] == ["contact.create.body"]
    assert [problem.message for problem in mixed] == ["key is one record's, in a write of many"]
    assert right == []


def test_a_look_up_that_misses_things_cannot_stand_before_writing_again(tmp_path: Path) -> None:
    source = WHOLE.replace("strong = true", "strong = false").replace(
        'key = "ref"', 'key = "ref"\non_doubt = "repeat"'
    )

    messages = [problem.message for problem in problems_of(source, tmp_path)]

    assert "would double what the look-up misses" in messages


def test_a_mapping_and_an_address_are_required() -> None:
    with pytest.raises(ValueError, match="is required"):
        RestSettings(adapter="rest", base_url="https://crm.example.com")
    with pytest.raises(ValueError, match="is required"):
        RestSettings(adapter="rest", mapping="rest/sandbox")
