"""Merging persons: the one in the address goes, the one in the body stays and wins conflicts."""

from typing import Any

from connector.sandbox.pipedrive import inputs
from connector.sandbox.pipedrive.answers import Answer, bad_request, found
from connector.sandbox.pipedrive.company import Company
from connector.sandbox.pipedrive.inputs import Json, read_object
from connector.sandbox.pipedrive.persons import (
    index_person,
    load_person,
    retire,
    show_person,
)
from connector.sandbox.pipedrive.store import Stored


def merge_persons(company: Company, removed: int, body: Any) -> Answer:
    """Carry out ``PUT /v1/persons/{removed}/merge``."""
    survivor = read_object(body, {"merge_with_id": inputs.integer}).get("merge_with_id")
    if survivor is None or survivor == removed:
        raise bad_request("Validation failed: merge_with_id")
    kept = merge(company, removed, survivor)
    return found({**show_person(company, kept), "merge_what_id": removed})


def merge(company: Company, removed: int, survivor: int) -> Stored:
    """Merge one person into another; return the one that stays. There is no redirect."""
    loser = load_person(company, removed, writing=True)
    kept = load_person(company, survivor, writing=True)
    for name in ("phones", "emails"):
        kept.body[name] = _join(kept.body[name], loser.body[name])
    customs = {code: value for code, value in loser.body["custom_fields"].items() if value}
    mine = {code: value for code, value in kept.body["custom_fields"].items() if value is not None}
    kept.body["custom_fields"] = customs | mine
    kept.updated = company.now()
    company.store.update(kept)
    index_person(company, kept)
    retire(company, loser, str(survivor))
    company.store.move(removed, survivor, company.now())
    return kept


def _join(mine: list[Json], theirs: list[Json]) -> list[Json]:
    known = {each["value"] for each in mine}
    extra = [{**each, "primary": not mine} for each in theirs if each["value"] not in known]
    return [*mine, *extra]
