"""Whether a look at a source came to its end, and when a sender was last asked whether something is still right."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("run", sa.Column("complete", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("revision", sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_revision_conversation_id", "revision", ["conversation_id"], unique=False)
    op.execute("UPDATE run SET complete = true WHERE finished_at IS NOT NULL AND failure IS NULL")


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_revision_conversation_id", "revision")
    op.drop_column("revision", "asked_at")
    op.drop_column("run", "complete")
