"""Coverage-guided fuzzing of what reads strangers' bytes: the parser and the signature's judge.

Needs atheris, which is no dependency of ours::

    python -m pip install atheris
    python -m tests.fuzz.guided -max_total_time=300 tests/fuzz/corpus/webhooks

What it finds goes into ``tests/fuzz/corpus/webhooks``, where a test replays it.
"""

import json
import sys
from importlib import import_module
from typing import Any


def judge(body: bytes) -> None:
    """Read a body as the daemon does; whatever falls over here would fall over there."""
    from connector.receive.signature import judge_signature, sign  # noqa: PLC0415 - instrumented
    from connector.record.parse import parse  # noqa: PLC0415 - likewise

    parsed = parse(body)
    for event in parsed.events:
        json.dumps(getattr(event, "content", None) or getattr(event, "details", None)).encode()
    assert judge_signature(body[:80], body, [b"secret"]) == (
        "valid" if body[:80] == sign(body, b"secret") else "wrong"
    )


def main(arguments: list[str]) -> None:
    """Fuzz until told to end; the arguments are libFuzzer's."""
    atheris: Any = import_module("atheris")
    with atheris.instrument_imports(include=["connector"]):
        import_module("connector.record.parse")
        import_module("connector.receive.signature")
    atheris.Setup(arguments, judge)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
