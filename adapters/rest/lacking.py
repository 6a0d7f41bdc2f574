"""What a mapping has no request for, and what that costs: `connector check` says it."""

from collections.abc import Iterator

from adapters.rest.plan import Plan
from connector.crm import Change


def missing_requests(plan: Plan) -> list[Change]:
    """Return a line for each request that would be good for something."""
    return [Change(what, "absent", detail) for what, detail in _missing(plan)]


def _missing(plan: Plan) -> Iterator[tuple[str, str]]:
    contact, message = plan.contact, plan.message
    if plan.ping is None:
        yield "[ping]", "wrong credentials are noticed by the first write"
    if not contact.finds:
        yield "[contact.find]", "people who are in the CRM already are made once more"
    if contact.read is None:
        lost = "what must not overwrite a value is written only into new contacts"
        yield "[contact.read]", f"{lost}, and a sweep sees no changes"
    if contact.replaced:
        yield "[contact.update]", "a change replaces the contact, fields that are not mapped too"
    elif contact.update is None:
        yield "[contact.update]", "contacts are written once and never changed"
    if message.update is None and not message.replaced:
        yield "[message.update]", "messages are written once and never changed"
    for section in (contact, message):
        if section.delete is None:
            yield f"[{section.kind}.delete]", f"a {section.kind} cannot be erased"
