"""One record, as a CRM returned it, against what it should be. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from connector.ledger.sweeps import Held
from connector.mapping.rendered import Rendered
from connector.model.record import JsonScalar
from connector.reconcile.drift import differing_fields, fingerprint, is_comparable


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a record since it was written."""

    kind: Literal["same", "changed", "deleted", "merged"]
    crm_id: str | None = None
    """The id it answers under, where that is another one."""
    fields: tuple[str, ...] = ()
    """The fields that differ from what the mapping makes."""
    seen: str | None = None
    """The fingerprint of what was returned; ``None`` where nothing was or nothing is compared."""
    compared: bool = False
    """Whether it was compared with what the mapping made of it, for want of an earlier look."""


def judge(
    row: Held,
    current: Mapping[str, JsonScalar] | None,
    *,
    names: Sequence[str],
    render: Callable[[], Rendered | None],
) -> Judgement:
    """Judge a record by the fields ``names``; ``render`` makes it anew, if that is asked.

    What the mapping makes now is no measure for a record that was written from something else: an
    older mapping, a message before its status. Such a difference is a resync's to mend.
    """
    if current is None:
        return Judgement("deleted")
    answered = current.get("crm_id")
    moved = str(answered) if answered is not None and str(answered) != row.crm_id else None
    if not names:
        return Judgement("merged" if moved else "same", moved)
    seen = fingerprint(names, current)
    known = row.trusted and is_comparable(row.crm_hash, seen)
    if known and row.crm_hash == seen:
        return Judgement("merged" if moved else "same", moved, seen=seen)
    rendered = render()
    fields = () if rendered is None else differing_fields(rendered, names, current, key=row.marker)
    as_written = rendered is not None and rendered.content_hash == row.content_hash
    if moved:
        return Judgement("merged", moved, fields if as_written else (), seen, not known)
    if as_written:
        return Judgement("changed" if fields else "same", None, fields, seen, not known)
    return Judgement("changed" if known else "same", None, fields if known else (), seen)
