"""Harm to JSON: one place of a value replaced, removed, doubled or buried, chosen by a number.

The same number always does the same to the same value, so that a finding is a few integers.
"""

import json
import random
from collections.abc import Sequence
from typing import Any, Final

LONE: Final = "\ud800"
DEEP: Final = 600
"""Lists within each other: few enough to be parsed, too many for careless recursion."""


def _nest(depth: int) -> Any:
    value: Any = "bottom"
    for _ in range(depth):
        value = [value]
    return value


JUNK: Final[Sequence[Any]] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    10**30,
    float("nan"),
    float("inf"),
    "",
    " ",
    "x" * 5000,
    "\u0000",
    LONE,
    "12",
    "²",
    "٣",
    "-5",
    "{{ 7 * 7 }}",
    "2026-13-45T99:99:99Z",
    "9999-12-31T23:59:59Z",
    [],
    {},
    [None],
    [[]],
    [{}],
    {"": ""},
    {"id": None},
    {"id": [1]},
    {"id": {"id": 1}},
    _nest(DEEP),
)
"""What nobody expects where it stands."""


def mutate(value: Any, seed: int) -> Any:
    """Return a copy of a JSON value with one to three places harmed."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    changed = json.loads(json.dumps(value))
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        changed = _harm(changed, chance)
    return changed


def _harm(value: Any, chance: random.Random) -> Any:
    places = list(_places(value, ()))
    place = chance.choice(places)
    if not place:
        return chance.choice(JUNK)
    parent = value
    for part in place[:-1]:
        parent = parent[part]
    key = place[-1]
    match chance.randrange(6):
        case 0:
            del parent[key]
        case 1:
            parent[key] = [parent[key]]
        case 2:
            parent[key] = {"value": parent[key]}
        case 3 if isinstance(parent, list):
            parent.insert(key, parent[key])
        case 4:
            parent[key] = str(parent[key])[:200]
        case _:
            parent[key] = chance.choice(JUNK)
    return value


def _places(value: Any, place: tuple[Any, ...]) -> Any:
    yield place
    if len(place) < 12:
        if isinstance(value, dict):
            for key, each in value.items():
                yield from _places(each, (*place, key))
        elif isinstance(value, list):
            for at, each in enumerate(value):
                yield from _places(each, (*place, at))


def write(value: Any) -> bytes:
    """Spell a value as JSON; NaN and lone surrogates as a careless server would."""
    return json.dumps(value).encode("ascii")
