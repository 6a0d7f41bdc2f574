"""A person on WhatsApp, as the ledger holds one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact and its current aliases."""

    id: int
    key: str
    """Ours, opaque, frozen at first sight: ``wc_`` and 26 letters and digits."""
    first_seen_at: datetime
    phone: str | None = None
    """Canonical E.164 with ``+``, or ``None``: WhatsApp may never have shown one."""
    wa_id: str | None = None
    """The digits WhatsApp uses, which may differ from the phone."""
    user_id: str | None = None
    username: str | None = None
    profile_name: str | None = None
    last_inbound_at: datetime | None = None
    last_outbound_at: datetime | None = None
    marketing_opt_out_at: datetime | None = None
    labels: tuple[str, ...] = ()
    referral: Mapping[str, Any] = field(default_factory=dict)
    merged_into: int | None = None
    erased_at: datetime | None = None
