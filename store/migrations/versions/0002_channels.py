"""What channels with a provider need: unknown outcomes, a pace for each person, invitations."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("delivery", sa.Column("unknowns", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("conversation", sa.Column("send_after", sa.DateTime(timezone=True), nullable=True))
    op.add_column("contact", sa.Column("invited_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_delivery_open", "delivery", ["conversation_id", "state", "id"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_delivery_open", "delivery")
    op.drop_column("contact", "invited_at")
    op.drop_column("conversation", "send_after")
    op.drop_column("delivery", "unknowns")
