"""The officers' desk: who signs in, who has a ticket, and what becomes of it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "link",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(120), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest", name="pk_link"),
    )
    op.create_index("ix_link_purpose", "link", ["purpose"])
    op.create_table(
        "officer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("login", sa.String(80), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.Column("password_hash", sa.String(300), nullable=True),
        sa.Column("totp_sealed", sa.String(), nullable=True),
        sa.Column("totp_used", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("language", sa.String(12), nullable=False, server_default="en"),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("countries", sa.JSON(), nullable=False),
        sa.Column("topics", sa.JSON(), nullable=False),
        sa.Column("hours", sa.JSON(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False, server_default="30"),
        sa.Column("telegram_digest", sa.String(64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_officer"),
        sa.UniqueConstraint("login", name="uq_officer_login"),
        sa.UniqueConstraint("telegram_digest", name="uq_officer_telegram_digest"),
    )
    op.create_table(
        "canned",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(12), nullable=False),
        sa.Column("title", sa.String(80), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["officer.id"], name="fk_canned_created_by_officer", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_canned"),
    )
    op.create_index("ix_canned_language", "canned", ["language"])
    op.create_table(
        "gap",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("topic", sa.String(60), nullable=False),
        sa.Column("country", sa.String(2), nullable=True),
        sa.Column("language", sa.String(12), nullable=True),
        sa.Column("audience", sa.String(40), nullable=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("officer_id", sa.Integer(), nullable=True),
        sa.Column("record_id", sa.String(80), nullable=True),
        sa.Column("call", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("called_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name="fk_gap_officer_id_officer", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_gap"),
    )
    op.create_index("ix_gap_state", "gap", ["state"])
    op.create_table(
        "referral_address",
        sa.Column("record_id", sa.String(80), nullable=False),
        sa.Column("address_sealed", sa.String(), nullable=False),
        sa.Column("entered_by", sa.Integer(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["entered_by"], ["officer.id"], name="fk_referral_address_entered_by_officer", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("record_id", name="pk_referral_address"),
    )
    op.create_table(
        "sign_in",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("officer_id", sa.Integer(), nullable=False),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name="fk_sign_in_officer_id_officer", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest", name="pk_sign_in"),
    )
    op.create_index("ix_sign_in_officer_id", "sign_in", ["officer_id"])
    op.create_table(
        "trust",
        sa.Column("contact_id", sa.Integer(), nullable=False),
        sa.Column("given_by", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"], name="fk_trust_contact_id_contact", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["given_by"], ["officer.id"], name="fk_trust_given_by_officer", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("contact_id", name="pk_trust"),
    )
    op.create_table(
        "announced",
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(200), nullable=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_announced_ticket_id_ticket", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("ticket_id", name="pk_announced"),
    )
    op.create_table(
        "note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("officer_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_note_ticket_id_ticket", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name="fk_note_officer_id_officer", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_note"),
    )
    op.create_index("ix_note_ticket_id", "note", ["ticket_id"])
    op.create_table(
        "presence",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("officer_id", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("writing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_message_id", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("draft", sa.String(), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_presence_ticket_id_ticket", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name="fk_presence_officer_id_officer", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_presence"),
        sa.UniqueConstraint("ticket_id", "officer_id", name="uq_presence_ticket_id"),
    )
    op.create_table(
        "proposal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=True),
        sa.Column("proposed_by", sa.Integer(), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_proposal_ticket_id_ticket", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["proposed_by"], ["officer.id"], name="fk_proposal_proposed_by_officer", ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["decided_by"], ["officer.id"], name="fk_proposal_decided_by_officer", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_proposal"),
    )
    op.create_index("ix_proposal_state", "proposal", ["state"])
    op.create_table(
        "referral",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket_id", sa.Integer(), nullable=False),
        sa.Column("record_id", sa.String(80), nullable=False),
        sa.Column("officer_id", sa.Integer(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["ticket_id"], ["ticket.id"], name="fk_referral_ticket_id_ticket", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["officer_id"], ["officer.id"], name="fk_referral_officer_id_officer", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_referral"),
    )
    op.create_index("ix_referral_ticket_id", "referral", ["ticket_id"])
    op.add_column("ticket", sa.Column("step", sa.String(12), nullable=False, server_default="new"))
    op.add_column("ticket", sa.Column("officer_id", sa.Integer(), nullable=True))
    op.add_column("ticket", sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("offered_to", sa.Integer(), nullable=True))
    op.add_column("ticket", sa.Column("with_lead", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("ticket", sa.Column("promised_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("moved", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("ticket", sa.Column("move_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("heard_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("handed_back_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("matched", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("ticket", sa.Column("rating", sa.Integer(), nullable=True))
    op.add_column("ticket", sa.Column("gap_id", sa.Integer(), nullable=True))
    op.add_column("ticket", sa.Column("wants_news", sa.Boolean(), nullable=True))
    op.add_column("ticket", sa.Column("asked_days", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("ticket", sa.Column("results", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("ticket", sa.Column("reopened", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("ticket", sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default="1970-01-01 00:00:00"))
    op.create_index("ix_ticket_changed_at", "ticket", ["changed_at"])
    op.create_index("ix_ticket_move_at", "ticket", ["move_at"])
    op.create_index("ix_ticket_officer_id", "ticket", ["officer_id"])
    op.create_index("ix_ticket_gap_id", "ticket", ["gap_id"])


def downgrade() -> None:
    """Take back."""
    op.drop_index("ix_ticket_changed_at", "ticket")
    op.drop_index("ix_ticket_move_at", "ticket")
    op.drop_index("ix_ticket_officer_id", "ticket")
    op.drop_index("ix_ticket_gap_id", "ticket")
    op.drop_column("ticket", "changed_at")
    op.drop_column("ticket", "reopened")
    op.drop_column("ticket", "results")
    op.drop_column("ticket", "asked_days")
    op.drop_column("ticket", "wants_news")
    op.drop_column("ticket", "gap_id")
    op.drop_column("ticket", "rating")
    op.drop_column("ticket", "matched")
    op.drop_column("ticket", "handed_back_at")
    op.drop_column("ticket", "snoozed_until")
    op.drop_column("ticket", "answered_at")
    op.drop_column("ticket", "heard_at")
    op.drop_column("ticket", "move_at")
    op.drop_column("ticket", "moved")
    op.drop_column("ticket", "promised_at")
    op.drop_column("ticket", "with_lead")
    op.drop_column("ticket", "offered_to")
    op.drop_column("ticket", "claimed_at")
    op.drop_column("ticket", "officer_id")
    op.drop_column("ticket", "step")
    op.drop_table("referral")
    op.drop_table("proposal")
    op.drop_table("presence")
    op.drop_table("note")
    op.drop_table("announced")
    op.drop_table("trust")
    op.drop_table("sign_in")
    op.drop_table("referral_address")
    op.drop_table("gap")
    op.drop_table("canned")
    op.drop_table("officer")
    op.drop_table("link")
