"""Reads request bodies strictly: a key, type or amount that the specification lacks is a 400."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from connector.sandbox.hubspot.refusals import bad_request

Json = dict[str, Any]


def read_object(
    body: Any, *, allowed: Collection[str], required: Collection[str] = (), what: str = "body"
) -> Json:
    """Return a JSON object that has the required keys and none but the allowed ones."""
    if not isinstance(body, dict):
        raise bad_request(f"Invalid input JSON: {what} must be an object")
    unknown = sorted(body.keys() - set(allowed))
    if unknown:
        raise bad_request(f"Invalid input JSON: unrecognized field {unknown[0]!r} of {what}")
    missing = sorted(set(required) - body.keys())
    if missing:
        raise bad_request(f"Invalid input JSON: {what} lacks {missing[0]!r}")
    return body


def read_inputs(
    body: Any,
    *,
    most: int,
    allowed: Collection[str],
    required: Collection[str],
    beside: Collection[str] = (),
) -> list[Json]:
    """Return the ``inputs`` of a batch; ``beside`` names other keys that its body may have."""
    whole = read_object(body, allowed={"inputs", *beside}, required={"inputs"})
    inputs = whole["inputs"]
    if not isinstance(inputs, list):
        raise bad_request("Invalid input JSON: 'inputs' must be a list")
    if not inputs:
        raise bad_request("'inputs' must not be empty")
    if len(inputs) > most:
        raise bad_request(f"The maximum number of inputs supported in a batch request is {most}")
    return [
        read_object(each, allowed=allowed, required=required, what="an input") for each in inputs
    ]


def read_id(value: Any, what: str = "id") -> int:
    """Return a record id, which requests spell as text; 0, nobody's id, if it is not digits."""
    text = read_text(value, what)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def read_text(value: Any, what: str) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise bad_request(f"Invalid input JSON: {what} must be a text that is not empty")
    return value


def read_texts(value: Any, what: str) -> list[str]:
    """Return a list of texts."""
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise bad_request(f"Invalid input JSON: {what} must be a list of texts")
    return value


def read_properties(value: Any) -> dict[str, str]:
    """Return the properties of an input; every value is a text, numbers and times too."""
    if not isinstance(value, dict):
        raise bad_request("Invalid input JSON: 'properties' must be an object")
    for name, each in value.items():
        if not isinstance(each, str):
            kind = type(each).__name__
            raise bad_request(f"Invalid input JSON: property {name!r} is a {kind}, not a text")
    return value


def read_traces(inputs: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """Return the ``objectWriteTraceId`` of each input."""
    traces: list[str | None] = []
    for each in inputs:
        trace = each.get("objectWriteTraceId")
        if trace is not None and not isinstance(trace, str):
            raise bad_request("Invalid input JSON: 'objectWriteTraceId' must be a text")
        traces.append(trace)
    return traces


def traced_throughout(traces: Sequence[str | None]) -> bool:
    """Say whether every input has a trace id of its own, so that each can fail alone."""
    return None not in traces and len(set(traces)) == len(traces)


def refuse_repeats(values: Iterable[object], message: str) -> None:
    """Refuse the whole batch if a value comes twice."""
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise bad_request(f"{message}: {value}")
        seen.add(value)
