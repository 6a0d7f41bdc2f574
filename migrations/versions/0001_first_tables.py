"""The ledger's first tables.

Revision ID: 0001
Revises: none
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.BigInteger().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")
DOCUMENT = sa.JSON(none_as_null=True).with_variant(
    postgresql.JSONB(none_as_null=True), "postgresql"
)


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "contact",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("phone", sa.String(length=32), nullable=True),
        sa.Column("username", sa.Text(), nullable=True),
        sa.Column("profile_name", sa.Text(), nullable=True),
        sa.Column("profile_seen_at", INSTANT, nullable=True),
        sa.Column("first_seen_at", INSTANT, nullable=False),
        sa.Column("last_inbound_at", INSTANT, nullable=True),
        sa.Column("last_outbound_at", INSTANT, nullable=True),
        sa.Column("marketing_opt_out_at", INSTANT, nullable=True),
        sa.Column("labels", DOCUMENT, nullable=True),
        sa.Column("referral", DOCUMENT, nullable=True),
        sa.Column("merged_into", ID, nullable=True),
        sa.Column("erased_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "merged_into IS NULL OR merged_into <> id", name=op.f("ck_contact_merged_elsewhere")
        ),
        sa.ForeignKeyConstraint(
            ["merged_into"], ["contact.id"], name=op.f("fk_contact_merged_into")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("key", name=op.f("uq_contact_key")),
    )
    op.create_index("ix_contact_phone", "contact", ["phone"], unique=False)

    op.create_table(
        "destination",
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("adapter", sa.String(length=64), nullable=False),
        sa.Column("mapping_digest", sa.String(length=64), nullable=True),
        sa.Column("blocked_until", INSTANT, nullable=True),
        sa.Column("blocked_reason", sa.String(length=16), nullable=True),
        sa.Column("outages", sa.Integer(), server_default="0", nullable=False),
        sa.Column("paused_reason", sa.String(length=16), nullable=True),
        sa.Column("paused_detail", sa.Text(), nullable=True),
        sa.Column("degraded_fields", DOCUMENT, nullable=True),
        sa.Column("refresh_token", sa.Text(), nullable=True),
        sa.Column("day_used", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.CheckConstraint(
            "blocked_reason IN ('throttled', 'broken')", name=op.f("ck_destination_blocked_reason")
        ),
        sa.CheckConstraint(
            "paused_reason IN ('auth', 'schema', 'quota', 'setup', 'operator')",
            name=op.f("ck_destination_paused_reason"),
        ),
        sa.CheckConstraint(
            "(blocked_until IS NULL) = (blocked_reason IS NULL)",
            name=op.f("ck_destination_blocked_has_reason"),
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_destination")),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("owner", sa.String(length=160), nullable=True),
        sa.Column("epoch", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("expires_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "run",
        sa.Column("id", ID, nullable=False),
        sa.Column("job", sa.String(length=64), nullable=False),
        sa.Column("destination", sa.String(length=128), server_default="", nullable=False),
        sa.Column("tick", INSTANT, nullable=True),
        sa.Column("actor", sa.String(length=128), server_default="", nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("cursor", DOCUMENT, nullable=True),
        sa.Column("counts", DOCUMENT, nullable=True),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'braked', 'failed')", name=op.f("ck_run_state")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
        sa.UniqueConstraint("job", "destination", "tick", name=op.f("uq_run_job_destination_tick")),
    )
    op.create_table(
        "webhook",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=True),
        sa.Column("kept_raw", DOCUMENT, nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
        sa.UniqueConstraint("digest", name=op.f("uq_webhook_digest")),
    )
    op.create_index(
        "ix_webhook_failed",
        "webhook",
        ["id"],
        unique=False,
        sqlite_where=sa.text("kept_raw IS NOT NULL OR error IS NOT NULL"),
        postgresql_where=sa.text("kept_raw IS NOT NULL OR error IS NOT NULL"),
    )
    op.create_index(
        "ix_webhook_waiting",
        "webhook",
        ["id"],
        unique=False,
        sqlite_where=sa.text("recorded_at IS NULL AND error IS NULL"),
        postgresql_where=sa.text("recorded_at IS NULL AND error IS NULL"),
    )

    op.create_table(
        "alias",
        sa.Column("scope", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=192), nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "kind IN ('user_id', 'parent_user_id', 'wa_id')", name=op.f("ck_alias_kind")
        ),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_alias_contact_id")),
        sa.PrimaryKeyConstraint("scope", "kind", "value", name=op.f("pk_alias")),
    )
    op.create_index("ix_alias_contact_id", "alias", ["contact_id"], unique=False)

    op.create_table(
        "lane",
        sa.Column("id", ID, nullable=False),
        sa.Column("destination", sa.String(length=128), nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_lane_contact_id")),
        sa.ForeignKeyConstraint(
            ["destination"], ["destination.name"], name=op.f("fk_lane_destination")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lane")),
        sa.UniqueConstraint(
            "destination", "contact_id", name=op.f("uq_lane_destination_contact_id")
        ),
    )
    op.create_index(
        "ix_lane_due",
        "lane",
        ["destination", "priority", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )

    op.create_table(
        "message",
        sa.Column("id", ID, nullable=False),
        sa.Column("webhook_id", ID, nullable=True),
        sa.Column("wamid", sa.Text(), nullable=True),
        sa.Column("wamid_hash", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=128), nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("conversation", sa.String(length=255), nullable=False),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("content", DOCUMENT, nullable=True),
        sa.Column("sent_at", INSTANT, nullable=False),
        sa.Column("status", sa.String(length=32), nullable=True),
        sa.Column("status_at", INSTANT, nullable=True),
        sa.Column("deleted_at", INSTANT, nullable=True),
        sa.Column("purged_at", INSTANT, nullable=True),
        sa.CheckConstraint("direction IN ('in', 'out')", name=op.f("ck_message_direction")),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_message_contact_id")),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"], name=op.f("fk_message_webhook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("wamid_hash", name=op.f("uq_message_wamid_hash")),
    )
    op.create_index(
        "ix_message_contact_id_sent_at", "message", ["contact_id", "sent_at"], unique=False
    )
    op.create_index("ix_message_conversation", "message", ["conversation"], unique=False)
    op.create_index("ix_message_number_sent_at", "message", ["number", "sent_at"], unique=False)

    op.create_table(
        "review",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("destination", sa.String(length=128), server_default="", nullable=False),
        sa.Column("contact_id", ID, nullable=False),
        sa.Column("candidates", DOCUMENT, nullable=True),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("resolved_at", INSTANT, nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.CheckConstraint("kind IN ('ambiguous', 'recycled_number')", name=op.f("ck_review_kind")),
        sa.CheckConstraint(
            "(resolved_at IS NULL) = (resolution IS NULL)",
            name=op.f("ck_review_resolved_has_resolution"),
        ),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name=op.f("fk_review_contact_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
    )
    op.create_index(
        "uq_review_open",
        "review",
        ["kind", "destination", "contact_id"],
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )

    op.create_table(
        "delivery",
        sa.Column("id", ID, nullable=False),
        sa.Column("lane_id", ID, nullable=False),
        sa.Column("destination", sa.String(length=128), nullable=False),
        sa.Column("record", sa.String(length=16), nullable=False),
        sa.Column("source_id", sa.String(length=255), nullable=False),
        sa.Column("marker", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("generation", sa.Integer(), server_default="1", nullable=False),
        sa.Column("synced_generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("content_hash", sa.String(length=32), nullable=True),
        sa.Column("crm_id", sa.String(length=255), nullable=True),
        sa.Column("crm_hash", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("crash_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("resends", sa.Integer(), server_default="0", nullable=False),
        sa.Column("lookups", sa.Integer(), server_default="0", nullable=False),
        sa.Column("verify_at", INSTANT, nullable=True),
        sa.Column("sent_body", sa.LargeBinary(), nullable=True),
        sa.Column("error_code", sa.String(length=128), nullable=True),
        sa.Column("error_detail", sa.Text(), nullable=True),
        sa.Column("error_status", sa.Integer(), nullable=True),
        sa.Column("queued_at", INSTANT, nullable=False),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("synced_at", INSTANT, nullable=True),
        sa.Column("parked_at", INSTANT, nullable=True),
        sa.Column("checked_at", INSTANT, nullable=True),
        sa.Column("gone_at", INSTANT, nullable=True),
        sa.CheckConstraint(
            "record IN ('contact', 'message', 'conversation')", name=op.f("ck_delivery_record")
        ),
        sa.CheckConstraint(
            "state <> 'in_flight' OR (sent_at IS NOT NULL AND verify_at IS NOT NULL)",
            name=op.f("ck_delivery_in_flight_has_times"),
        ),
        sa.CheckConstraint(
            "state <> 'parked' OR (error_code IS NOT NULL AND parked_at IS NOT NULL)",
            name=op.f("ck_delivery_parked_has_reason"),
        ),
        sa.CheckConstraint(
            "state <> 'skipped' OR error_code IS NOT NULL",
            name=op.f("ck_delivery_skipped_has_reason"),
        ),
        sa.CheckConstraint(
            "state <> 'synced' OR crm_id IS NOT NULL", name=op.f("ck_delivery_synced_has_crm_id")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'in_flight', 'synced', 'parked', 'skipped', 'erased')",
            name=op.f("ck_delivery_state"),
        ),
        sa.CheckConstraint(
            "attempts >= 0 AND crash_count >= 0 AND resends >= 0 AND lookups >= 0",
            name=op.f("ck_delivery_counts"),
        ),
        sa.CheckConstraint(
            "synced_generation <= generation", name=op.f("ck_delivery_synced_generation")
        ),
        sa.ForeignKeyConstraint(["lane_id"], ["lane.id"], name=op.f("fk_delivery_lane_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.UniqueConstraint(
            "destination",
            "record",
            "source_id",
            name=op.f("uq_delivery_destination_record_source_id"),
        ),
    )
    op.create_index(
        "ix_delivery_contact_crm_id",
        "delivery",
        ["destination", "crm_id"],
        unique=False,
        sqlite_where=sa.text("crm_id IS NOT NULL AND record = 'contact'"),
        postgresql_where=sa.text("crm_id IS NOT NULL AND record = 'contact'"),
    )
    op.create_index(
        "ix_delivery_open",
        "delivery",
        ["lane_id", "position", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('pending', 'in_flight')"),
        postgresql_where=sa.text("state IN ('pending', 'in_flight')"),
    )
    op.create_index(
        "ix_delivery_synced_at",
        "delivery",
        ["destination", "synced_at"],
        unique=False,
        sqlite_where=sa.text("synced_at IS NOT NULL"),
        postgresql_where=sa.text("synced_at IS NOT NULL"),
    )
    op.create_index(
        "ix_delivery_unsettled",
        "delivery",
        ["destination", "state", "queued_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('pending', 'in_flight', 'parked')"),
        postgresql_where=sa.text("state IN ('pending', 'in_flight', 'parked')"),
    )
    op.create_index(
        "uq_delivery_crm_id",
        "delivery",
        ["destination", "record", "crm_id"],
        unique=True,
        sqlite_where=sa.text("crm_id IS NOT NULL AND record <> 'contact'"),
        postgresql_where=sa.text("crm_id IS NOT NULL AND record <> 'contact'"),
    )

    op.create_table(
        "media",
        sa.Column("message_id", ID, nullable=False),
        sa.Column("media_id", sa.Text(), nullable=True),
        sa.Column("mime_type", sa.Text(), nullable=True),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", INSTANT, nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.CheckConstraint(
            "state <> 'stored' OR path IS NOT NULL", name=op.f("ck_media_stored_has_path")
        ),
        sa.CheckConstraint(
            "state IN ('wanted', 'stored', 'failed', 'skipped', 'purged')",
            name=op.f("ck_media_state"),
        ),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_media_message_id")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("pk_media")),
    )
    op.create_index(
        "ix_media_wanted",
        "media",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'wanted'"),
        postgresql_where=sa.text("state = 'wanted'"),
    )


def downgrade() -> None:
    """Drop every table."""
    op.drop_index(
        "ix_media_wanted",
        table_name="media",
        sqlite_where=sa.text("state = 'wanted'"),
        postgresql_where=sa.text("state = 'wanted'"),
    )

    op.drop_table("media")
    op.drop_index(
        "uq_delivery_crm_id",
        table_name="delivery",
        sqlite_where=sa.text("crm_id IS NOT NULL AND record <> 'contact'"),
        postgresql_where=sa.text("crm_id IS NOT NULL AND record <> 'contact'"),
    )
    op.drop_index(
        "ix_delivery_unsettled",
        table_name="delivery",
        sqlite_where=sa.text("state IN ('pending', 'in_flight', 'parked')"),
        postgresql_where=sa.text("state IN ('pending', 'in_flight', 'parked')"),
    )
    op.drop_index(
        "ix_delivery_synced_at",
        table_name="delivery",
        sqlite_where=sa.text("synced_at IS NOT NULL"),
        postgresql_where=sa.text("synced_at IS NOT NULL"),
    )
    op.drop_index(
        "ix_delivery_open",
        table_name="delivery",
        sqlite_where=sa.text("state IN ('pending', 'in_flight')"),
        postgresql_where=sa.text("state IN ('pending', 'in_flight')"),
    )
    op.drop_index(
        "ix_delivery_contact_crm_id",
        table_name="delivery",
        sqlite_where=sa.text("crm_id IS NOT NULL AND record = 'contact'"),
        postgresql_where=sa.text("crm_id IS NOT NULL AND record = 'contact'"),
    )

    op.drop_table("delivery")
    op.drop_index(
        "uq_review_open",
        table_name="review",
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )

    op.drop_table("review")
    op.drop_index("ix_message_number_sent_at", table_name="message")
    op.drop_index("ix_message_conversation", table_name="message")
    op.drop_index("ix_message_contact_id_sent_at", table_name="message")

    op.drop_table("message")
    op.drop_index(
        "ix_lane_due",
        table_name="lane",
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )

    op.drop_table("lane")
    op.drop_index("ix_alias_contact_id", table_name="alias")

    op.drop_table("alias")
    op.drop_index(
        "ix_webhook_waiting",
        table_name="webhook",
        sqlite_where=sa.text("recorded_at IS NULL AND error IS NULL"),
        postgresql_where=sa.text("recorded_at IS NULL AND error IS NULL"),
    )
    op.drop_index(
        "ix_webhook_failed",
        table_name="webhook",
        sqlite_where=sa.text("kept_raw IS NOT NULL OR error IS NOT NULL"),
        postgresql_where=sa.text("kept_raw IS NOT NULL OR error IS NOT NULL"),
    )

    op.drop_table("webhook")
    op.drop_table("run")
    op.drop_table("lease")
    op.drop_table("installation")
    op.drop_table("destination")
    op.drop_index("ix_contact_phone", table_name="contact")

    op.drop_table("contact")
