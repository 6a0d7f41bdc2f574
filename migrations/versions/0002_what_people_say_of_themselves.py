"""A contact's name in the address book of the business phone, and its wishes, each with its date.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INSTANT = sa.BigInteger().with_variant(postgresql.TIMESTAMP(timezone=True), "postgresql")


def upgrade() -> None:
    """Add the columns."""
    op.add_column("contact", sa.Column("book_name", sa.Text(), nullable=True))
    op.add_column("contact", sa.Column("book_seen_at", INSTANT, nullable=True))
    op.add_column("contact", sa.Column("marketing_seen_at", INSTANT, nullable=True))


def downgrade() -> None:
    """Drop the columns."""
    op.drop_column("contact", "marketing_seen_at")
    op.drop_column("contact", "book_seen_at")
    op.drop_column("contact", "book_name")
