"""The twelve tables. What must never be is refused here, by CHECK and UNIQUE, not by care.

WhatsApp's and CRMs' vocabularies are never constrained; ours are. ``_at`` columns are UTC.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    cast,
    text,
)

from connector.ledger.columns import Document, Id, Instant, Word

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def _is_one_of(column: str, words: Iterable[str]) -> str:
    listed = ", ".join(f"'{word}'" for word in words)
    return f"{column} IN ({listed})"


def _one_of(column: str, *words: str) -> CheckConstraint:
    return CheckConstraint(_is_one_of(column, words), name=column)


def _partial_index(name: str, *columns: Any, where: str, unique: bool = False) -> Index:
    return Index(
        name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where)
    )


webhook = Table(
    "webhook",
    metadata,
    Column("id", Id, primary_key=True),
    Column("digest", LargeBinary(32), nullable=False),
    Column("body", LargeBinary),
    Column("received_at", Instant, nullable=False),
    Column("recorded_at", Instant),
    Column("kept_raw", Document),
    Column("error", Text),
    UniqueConstraint("digest"),
)
"""One POST: its raw bytes. ``kept_raw`` counts, by reason, the elements that became no message;
``error`` is set where the body as a whole could not be read."""
_partial_index("ix_webhook_waiting", webhook.c.id, where="recorded_at IS NULL AND error IS NULL")
_partial_index("ix_webhook_failed", webhook.c.id, where="kept_raw IS NOT NULL OR error IS NOT NULL")

contact = Table(
    "contact",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", String(64), nullable=False),
    Column("phone", String(32)),
    Column("username", Text),
    Column("profile_name", Text),
    Column("profile_seen_at", Instant),
    Column("book_name", Text),
    Column("book_seen_at", Instant),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_inbound_at", Instant),
    Column("last_outbound_at", Instant),
    Column("marketing_opt_out_at", Instant),
    Column("marketing_seen_at", Instant),
    Column("labels", Document),
    Column("referral", Document),
    Column("merged_into", Id, ForeignKey("contact.id")),
    Column("erased_at", Instant),
    UniqueConstraint("key"),
    Index("ix_contact_phone", "phone"),
    CheckConstraint("merged_into IS NULL OR merged_into <> id", name="merged_elsewhere"),
)

alias = Table(
    "alias",
    metadata,
    Column("scope", String(128), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("value", String(192), primary_key=True),
    Column("contact_id", Id, ForeignKey("contact.id"), nullable=False),
    Column("seen_at", Instant, nullable=False),
    Index("ix_alias_contact_id", "contact_id"),
    _one_of("kind", "user_id", "parent_user_id", "wa_id"),
)

message = Table(
    "message",
    metadata,
    Column("id", Id, primary_key=True),
    Column("webhook_id", Id, ForeignKey("webhook.id")),
    Column("wamid", Text),
    Column("wamid_hash", String(64), nullable=False),
    Column("number", String(128), nullable=False),
    Column("contact_id", Id, ForeignKey("contact.id"), nullable=False),
    Column("conversation", String(255), nullable=False),
    Column("direction", String(3), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("content", Document),
    Column("sent_at", Instant, nullable=False),
    Column("status", String(32)),
    Column("status_at", Instant),
    Column("deleted_at", Instant),
    Column("purged_at", Instant),
    UniqueConstraint("wamid_hash"),
    Index("ix_message_contact_id_sent_at", "contact_id", "sent_at"),
    Index("ix_message_conversation", "conversation"),
    Index("ix_message_number_sent_at", "number", "sent_at"),
    _one_of("direction", "in", "out"),
)
"""``wamid`` holds the phone and is a personal column; ``wamid_hash`` is keyed and lasts."""

media = Table(
    "media",
    metadata,
    Column("message_id", Id, ForeignKey("message.id"), primary_key=True),
    Column("media_id", Text),
    Column("mime_type", Text),
    Column("sha256", Text),
    Column("path", Text),
    Column("state", Word(16), nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("due_at", Instant),
    Column("error_code", String(64)),
    _one_of("state", "wanted", "stored", "failed", "skipped", "purged"),
    CheckConstraint("state <> 'stored' OR path IS NOT NULL", name="stored_has_path"),
)
_partial_index("ix_media_wanted", media.c.due_at, where="state = 'wanted'")

destination = Table(
    "destination",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("adapter", String(64), nullable=False),
    Column("mapping_digest", String(64)),
    Column("blocked_until", Instant),
    Column("blocked_reason", String(16)),
    Column("outages", Integer, nullable=False, server_default="0"),
    Column("paused_reason", String(16)),
    Column("paused_detail", Text),
    Column("degraded_fields", Document),
    Column("refresh_token", Text),
    Column("day_used", BigInteger, nullable=False, server_default="0"),
    Column("day", Date),
    _one_of("blocked_reason", "throttled", "broken"),
    _one_of("paused_reason", "auth", "schema", "quota", "setup", "operator"),
    CheckConstraint(
        "(blocked_until IS NULL) = (blocked_reason IS NULL)", name="blocked_has_reason"
    ),
)

lane = Table(
    "lane",
    metadata,
    Column("id", Id, primary_key=True),
    Column("destination", String(128), ForeignKey("destination.name"), nullable=False),
    Column("contact_id", Id, ForeignKey("contact.id"), nullable=False),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("due_at", Instant),
    Column("failures", Integer, nullable=False, server_default="0"),
    UniqueConstraint("destination", "contact_id"),
)
"""One contact in one destination: the unit of order and of backoff, and its deliveries' mutex."""
_partial_index(
    "ix_lane_due",
    lane.c.destination,
    lane.c.priority,
    lane.c.due_at,
    lane.c.id,
    where="due_at IS NOT NULL",
)

OPEN_STATES = ("pending", "in_flight")
"""States of deliveries on their way: written so, in this order, the partial index is found."""
UNSETTLED_STATES = (*OPEN_STATES, "parked")
"""States of deliveries that are counted one by one. Likewise; a query about one of these states
names all three as well, for SQLite does not conclude the one from the other."""
DELIVERY_STATES = ("pending", "in_flight", "synced", "parked", "skipped", "erased")

delivery = Table(
    "delivery",
    metadata,
    Column("id", Id, primary_key=True),
    Column("lane_id", Id, ForeignKey("lane.id"), nullable=False),
    Column("destination", String(128), nullable=False),
    Column("record", Word(16), nullable=False),
    Column("source_id", String(255), nullable=False),
    Column("marker", String(64), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", Word(16), nullable=False),
    Column("generation", Integer, nullable=False, server_default="1"),
    Column("synced_generation", Integer, nullable=False, server_default="0"),
    Column("content_hash", String(32)),
    Column("crm_id", String(255)),
    Column("crm_hash", String(32)),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("crash_count", Integer, nullable=False, server_default="0"),
    Column("resends", Integer, nullable=False, server_default="0"),
    Column("lookups", Integer, nullable=False, server_default="0"),
    Column("verify_at", Instant),
    Column("sent_body", LargeBinary),
    Column("error_code", String(128)),
    Column("error_detail", Text),
    Column("error_status", Integer),
    Column("queued_at", Instant, nullable=False),
    Column("sent_at", Instant),
    Column("synced_at", Instant),
    Column("parked_at", Instant),
    Column("checked_at", Instant),
    Column("gone_at", Instant),
    UniqueConstraint("destination", "record", "source_id"),
    Index("ix_delivery_lane_id", "lane_id"),
    _one_of("record", "contact", "message", "conversation"),
    _one_of("state", *DELIVERY_STATES),
    CheckConstraint("state <> 'synced' OR crm_id IS NOT NULL", name="synced_has_crm_id"),
    CheckConstraint(
        "state <> 'in_flight' OR (sent_at IS NOT NULL AND verify_at IS NOT NULL)",
        name="in_flight_has_times",
    ),
    CheckConstraint(
        "state <> 'parked' OR (error_code IS NOT NULL AND parked_at IS NOT NULL)",
        name="parked_has_reason",
    ),
    CheckConstraint("state <> 'skipped' OR error_code IS NOT NULL", name="skipped_has_reason"),
    CheckConstraint("synced_generation <= generation", name="synced_generation"),
    CheckConstraint(
        "attempts >= 0 AND crash_count >= 0 AND resends >= 0 AND lookups >= 0", name="counts"
    ),
)
"""What a destination holds of one record, what it should hold, and whether that is in doubt.

Queue, id map and idempotency record in one. ``error_code`` is why it is parked, the reason it is
skipped, or ``in_doubt`` on an ``in_flight`` row whose outcome is unknown.
"""
_partial_index(
    "ix_delivery_open",
    delivery.c.lane_id,
    delivery.c.position,
    delivery.c.id,
    where=_is_one_of("state", OPEN_STATES),
)
_partial_index(
    "uq_delivery_crm_id",
    delivery.c.destination,
    delivery.c.record,
    delivery.c.crm_id,
    where="crm_id IS NOT NULL AND record <> 'contact'",
    unique=True,
)
_partial_index(
    "ix_delivery_contact_crm_id",
    delivery.c.destination,
    delivery.c.record,
    delivery.c.crm_id,
    where="crm_id IS NOT NULL AND record = 'contact'",
)
_partial_index(
    "ix_delivery_unsettled",
    delivery.c.destination,
    delivery.c.state,
    delivery.c.record,
    delivery.c.queued_at,
    where=_is_one_of("state", UNSETTLED_STATES),
)

_partial_index(
    "ix_delivery_synced_at",
    delivery.c.destination,
    delivery.c.synced_at,
    where="synced_at IS NOT NULL",
)

IS_UNSETTLED = delivery.c.state.in_(UNSETTLED_STATES)
CONTACT_OF_LANE = and_(
    delivery.c.destination == lane.c.destination,
    delivery.c.record == "contact",
    delivery.c.source_id == cast(lane.c.contact_id, String),
)
"""Joins a lane with its contact's own delivery by that one's key, however long the lane is."""

lease = Table(
    "lease",
    metadata,
    Column("name", String(160), primary_key=True),
    Column("owner", String(160)),
    Column("epoch", BigInteger, nullable=False, server_default="0"),
    Column("expires_at", Instant),
)

review = Table(
    "review",
    metadata,
    Column("id", Id, primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("destination", String(128), nullable=False, server_default=""),
    Column("contact_id", Id, ForeignKey("contact.id"), nullable=False),
    Column("candidates", Document),
    Column("opened_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Column("resolution", Text),
    _one_of("kind", "ambiguous", "recycled_number"),
    CheckConstraint("(resolved_at IS NULL) = (resolution IS NULL)", name="resolved_has_resolution"),
)
_partial_index(
    "uq_review_open",
    review.c.kind,
    review.c.destination,
    review.c.contact_id,
    where="resolved_at IS NULL",
    unique=True,
)

run = Table(
    "run",
    metadata,
    Column("id", Id, primary_key=True),
    Column("job", String(64), nullable=False),
    Column("destination", String(128), nullable=False, server_default=""),
    Column("tick", Instant),
    Column("actor", String(128), nullable=False, server_default=""),
    Column("state", String(16), nullable=False),
    Column("cursor", Document),
    Column("counts", Document),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("error", Text),
    UniqueConstraint("job", "destination", "tick"),
    _one_of("state", "waiting", "running", "done", "braked", "failed"),
)

installation = Table(
    "installation",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", LargeBinary(32), nullable=False),
    CheckConstraint("id = 1", name="single"),
)
"""The random key of this installation. Keyed hashes, message keys and markers come from it, so it
lives, and is backed up, with them."""
