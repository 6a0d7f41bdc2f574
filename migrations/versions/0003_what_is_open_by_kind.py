"""What is open is counted by kind from one index, and a lane's deliveries are found by another.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UNSETTLED = "state IN ('pending', 'in_flight', 'parked')"
LINKED = "crm_id IS NOT NULL AND record = 'contact'"


def upgrade() -> None:
    """Put the kind into two indexes, and make the index of lanes."""
    _index("ix_delivery_unsettled", "destination", "state", "record", "queued_at", where=UNSETTLED)
    _index("ix_delivery_contact_crm_id", "destination", "record", "crm_id", where=LINKED)
    op.create_index("ix_delivery_lane_id", "delivery", ["lane_id"], unique=False)


def downgrade() -> None:
    """Go back to the former indexes."""
    op.drop_index("ix_delivery_lane_id", table_name="delivery")
    _index("ix_delivery_contact_crm_id", "destination", "crm_id", where=LINKED)
    _index("ix_delivery_unsettled", "destination", "state", "queued_at", where=UNSETTLED)


def _index(name: str, *columns: str, where: str) -> None:
    op.drop_index(name, table_name="delivery")
    op.create_index(
        name,
        "delivery",
        list(columns),
        unique=False,
        sqlite_where=sa.text(where),
        postgresql_where=sa.text(where),
    )
