"""What somebody sends is compared with a secret in constant time, everywhere.

A slow comparison can not be measured reliably in a test, so this reads the code: each place that
takes a secret from outside names ``compare_digest``, and none compares one with ``==``.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import connector

ROOT: Final = Path(connector.__file__).parent
SECRETIVE: Final = re.compile(r"token|secret|signature|password|credential|apikey|api_key|digest")
JUDGES: Final = {
    "receive/signature.py": 1,
    "receive/app.py": 1,
    "web/access.py": 1,
    "web/dashboard/forms.py": 1,
}
"""Where something from outside is compared with a secret, and how often."""
OWN: Final = {
    # our own refresh token with our own: neither comes from whoever asks
    ("crm/oauth.py", "_access_token", "refused"),
    ("crm/oauth.py", "_rotated", "configured"),
    ("crm/oauth.py", "new", "refresh_token"),
    # a file's checksum: public, and sent beside the file
    ("record/media.py", "digest", "expected"),
    # which mapping a destination ran with last: no secret
    ("ledger/destinations.py", "known", "digest"),
}


def _sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith("sandbox/"):  # a CRM to try things on, with made-up tokens
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return node.attr
        case ast.Call():
            return _name(node.func)
        case _:
            return ""


def test_whatever_is_compared_with_a_secret_is_compared_in_constant_time() -> None:
    found = {
        name: count
        for name, tree in _sources()
        if (
            count := sum(
                isinstance(node, ast.Call) and _name(node.func) == "compare_digest"
                for node in ast.walk(tree)
            )
        )
    }

    assert found == JUDGES


def test_no_secret_is_compared_as_text_is() -> None:
    found = set()
    for name, tree in _sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Compare):
                continue
            if not all(isinstance(each, ast.Eq | ast.NotEq) for each in node.ops):
                continue
            sides = [_name(node.left), *map(_name, node.comparators)]
            if len(sides) == 2 and all(sides) and any(map(SECRETIVE.search, sides)):
                found.add((name, *sides))

    assert found - OWN == set()
