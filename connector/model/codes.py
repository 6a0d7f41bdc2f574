"""Why a delivery is parked or skipped, in words, and what to do next.

One text for ``dead-letters show``, ``explain`` and the README. A code is a family, with what the
CRM said behind a dot where there is something: ``rejected.422``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Code:
    """One reason: its cause, and the next thing to do."""

    cause: str
    next: str


CODES: Final[Mapping[str, Code]] = {
    "rejected": Code(
        "The CRM refused this record for what it says.",
        "Read the CRM's words with `connector dead-letters show ID`, mend the mapping or the CRM, "
        "then `connector dead-letters retry ID`.",
    ),
    "rejected.mapping": Code(
        "The mapping can not be rendered for this record.",
        "Mend the field named in the detail, try it with `connector mapping preview FILE`, then "
        "restart: a changed mapping sends refused records again by itself.",
    ),
    "exhausted": Code(
        "The CRM answered eight times that this record is busy or locked.",
        "See in the CRM what locks it, then `connector dead-letters retry ID`.",
    ),
    "in_doubt": Code(
        "The CRM may or may not have written this record, and looking it up could not tell.",
        "Look in the CRM. If it is there, `connector dead-letters discard ID --reason seen`; "
        "if not, `connector dead-letters retry ID`, which looks once more before it writes.",
    ),
    "ambiguous": Code(
        "Several records of the CRM have this contact's phone.",
        "Choose with `connector reviews list` and `connector reviews resolve ID`.",
    ),
    "vanished": Code(
        "Somebody deleted this record in the CRM.",
        "Nothing: a contact returns with its next message. To bring it back now: "
        "`connector dead-letters retry ID`.",
    ),
    "poison": Code(
        "The connector died eight times in a row while it worked on this record.",
        "Report it with the log of the last crash; after an upgrade, "
        "`connector dead-letters retry ID`.",
    ),
    "duplicate": Code(
        "The CRM answered with the id of another record of ours.",
        "Compare both in the CRM, remove the copy, then `connector dead-letters retry ID`.",
    ),
    "blocked": Code(
        "The person is on the list `[privacy] block`.",
        "Nothing. Take the person off the list to sync what comes from then on.",
    ),
    "filtered": Code(
        "There is nothing to deliver: the message was removed or holds nothing a CRM takes.",
        "Nothing.",
    ),
    "opt_out": Code("The person asked not to be synced.", "Nothing."),
    "too_old": Code(
        "The event was older than `[tuning] max_event_age` when it arrived.",
        "Nothing. To take old events in, raise that setting, restart, and `connector replay`.",
    ),
    "test": Code(
        "It is of a test message, which was meant for another destination or is over.", "Nothing."
    ),
    "merged": Code(
        "The contact turned out to be another of ours, which carries on for both.", "Nothing."
    ),
    "operator": Code("A person decided not to sync this.", "Nothing."),
}


def explain_code(code: str) -> Code:
    """Return the cause and the next step of an ``error_code`` by the longest name that fits."""
    if code in CODES:
        return CODES[code]
    return CODES.get(code.partition(".")[0], CODES["rejected"])
