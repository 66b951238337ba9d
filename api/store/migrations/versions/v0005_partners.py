"""Keys of suppliers and carriers, and what they confirm."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the step."""
    for name, size in (("partner_kind", 20), ("partner_id", 200), ("partner_scenario", 40)):
        op.add_column("api_keys", sa.Column(name, sa.String(length=size), nullable=True))
    op.create_table(
        "confirmations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("scenario_id", sa.String(length=40), nullable=False),
        sa.Column("partner_kind", sa.String(length=20), nullable=False),
        sa.Column("partner_id", sa.String(length=200), nullable=False),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("order_id", sa.String(length=200), nullable=False),
        sa.Column("line", sa.String(length=200), nullable=False),
        sa.Column("product_id", sa.String(length=200), nullable=False),
        sa.Column("site_id", sa.String(length=200), nullable=False),
        sa.Column("ordered_on", sa.Date(), nullable=True),
        sa.Column("ordered_qty", sa.Double(), nullable=True),
        sa.Column("ordered_due_on", sa.Date(), nullable=True),
        sa.Column("qty", sa.Double(), nullable=True),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=300), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=True),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["scenario_id"], ["scenarios.id"]),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "confirmations_by_line", "confirmations", ["scenario_id", "order_id", "line"], unique=False
    )
    op.create_index(
        op.f("ix_confirmations_tenant_id"), "confirmations", ["tenant_id"], unique=False
    )


def downgrade() -> None:
    """Undo it; keys of partners are revoked by it, since they would be good for nothing."""
    op.execute(
        "UPDATE api_keys SET revoked_at = created_at"
        " WHERE partner_kind IS NOT NULL AND revoked_at IS NULL"
    )
    op.drop_index(op.f("ix_confirmations_tenant_id"), table_name="confirmations")
    op.drop_index("confirmations_by_line", table_name="confirmations")
    op.drop_table("confirmations")
    for name in ("partner_scenario", "partner_id", "partner_kind"):
        op.drop_column("api_keys", name)
