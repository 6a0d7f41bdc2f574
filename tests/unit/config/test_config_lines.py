"""Where a key stands in a TOML file, right or wrong."""

import tomllib
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.config.lines import locate

SOURCE = dedent('''\
    # a comment with a [header] and a key = value
    title = "one # not a comment"

    [webhook]
    port = 8080        # and a comment
    "quoted key" = 1
    text = """
    port = 1
    [admin]
    """"
    literal = \'\'\'
    key = 2\'\'\'
    hosts = [
        "a",  # first
        { env = "B" },
    ]
    [whatsapp]
    app_secrets = [{ env = "A" }, { env = "B" }]
    [[whatsapp.numbers]]
    name = "Vendas"
    [[whatsapp.numbers]]
    name = "Suporte"
    extra.deep.er = true
    [whatsapp.numbers.inner]
    key = "x \\" y"
    [destinations.hubspot]
    rate = { requests = 90, per = "10s" }
''')


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (2, ("title",)),
        (4, ("webhook",)),
        (5, ("webhook", "port")),
        (6, ("webhook", "quoted key")),
        (7, ("webhook", "text")),
        (11, ("webhook", "literal")),
        (13, ("webhook", "hosts")),
        (14, ("webhook", "hosts", 0)),
        (15, ("webhook", "hosts", 1)),
        (15, ("webhook", "hosts", 1, "env")),
        (18, ("whatsapp", "app_secrets", 1, "env")),
        (19, ("whatsapp", "numbers")),
        (19, ("whatsapp", "numbers", 0)),
        (20, ("whatsapp", "numbers", 0, "name")),
        (21, ("whatsapp", "numbers", 1)),
        (22, ("whatsapp", "numbers", 1, "name")),
        (23, ("whatsapp", "numbers", 1, "extra", "deep", "er")),
        (24, ("whatsapp", "numbers", 1, "inner")),
        (25, ("whatsapp", "numbers", 1, "inner", "key")),
        (26, ("destinations",)),
        (27, ("destinations", "hubspot", "rate", "per")),
        (None, ("admin",)),
        (None, ("webhook", "key")),
        (None, ("whatsapp", "numbers", 2)),
    ],
)
def test_a_key_is_found_on_its_line(line: int | None, path: tuple[str | int, ...]) -> None:
    assert line == locate(SOURCE, path)


def test_every_key_that_the_parser_sees_has_a_line() -> None:
    missing = [path for path in _paths(tomllib.loads(SOURCE), ()) if locate(SOURCE, path) is None]

    assert missing == []


@pytest.mark.parametrize(
    "broken",
    [
        'a = "never closed\nb = 2\n',
        "= 1\nb = 2\n",
        "a 1 2 3\nb = 2\n",
        "[[[\nb = 2\n",
        "a = ]\nb = 2\n",
        "a = 'x' y z\nb = 2\n",
    ],
)
def test_a_wrong_line_does_not_hide_the_next(broken: str) -> None:
    assert locate(broken, ("b",)) == 2


@given(st.text(alphabet="ab=.[]{}\"'#,\\\n 1", max_size=60))
def test_no_text_makes_the_scan_fail_or_hang(source: str) -> None:
    lines = source.count("\n") + 1

    found = locate(source, ("a",))

    assert found is None or 1 <= found <= lines


def _paths(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*path, index))
