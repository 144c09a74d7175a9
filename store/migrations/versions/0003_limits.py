"""Fencing for deliveries, and what the limits on people and networks need."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("delivery", sa.Column("lease", sa.String(32), nullable=True))
    op.add_column("contact", sa.Column("cautioned_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("contact", sa.Column("origin", sa.String(64), nullable=True))
    op.add_column("ticket", sa.Column("wordless", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_contact_origin", "contact", ["origin"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_contact_origin", "contact")
    op.drop_column("ticket", "wordless")
    op.drop_column("contact", "origin")
    op.drop_column("contact", "cautioned_at")
    op.drop_column("delivery", "lease")
