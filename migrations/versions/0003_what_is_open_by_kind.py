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

UNSETTLED = sa.text("state IN ('pending', 'in_flight', 'parked')")


def upgrade() -> None:
    """Put the kind into the index of what is unsettled, and make the index of lanes."""
    _index_unsettled("destination", "state", "record", "queued_at")
    op.create_index("ix_delivery_lane_id", "delivery", ["lane_id"], unique=False)


def downgrade() -> None:
    """Go back to the former index."""
    op.drop_index("ix_delivery_lane_id", table_name="delivery")
    _index_unsettled("destination", "state", "queued_at")


def _index_unsettled(*columns: str) -> None:
    op.drop_index("ix_delivery_unsettled", table_name="delivery")
    op.create_index(
        "ix_delivery_unsettled",
        "delivery",
        list(columns),
        unique=False,
        sqlite_where=UNSETTLED,
        postgresql_where=UNSETTLED,
    )
