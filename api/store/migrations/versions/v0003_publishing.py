"""Plans that are published and approved, decisions about their rows, finished steps of a run."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the step."""
    op.add_column("runs", sa.Column("steps", sa.JSON(), nullable=True))
    op.add_column("plans", sa.Column("decision", sa.String(length=20), nullable=True))
    op.create_table(
        "publications",
        sa.Column("plan_id", sa.String(length=40), nullable=False),
        sa.Column("scenario_id", sa.String(length=40), nullable=False),
        sa.Column("plan_hash", sa.String(length=64), nullable=False),
        sa.Column("judgement", sa.JSON(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("published_by", sa.String(length=300), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("approved_by", sa.String(length=300), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"]),
        sa.ForeignKeyConstraint(["scenario_id"], ["scenarios.id"]),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        sa.PrimaryKeyConstraint("plan_id"),
    )
    op.create_index(op.f("ix_publications_tenant_id"), "publications", ["tenant_id"], unique=False)
    op.create_index(
        "publications_by_number", "publications", ["scenario_id", "number"], unique=True
    )
    op.create_table(
        "row_decisions",
        sa.Column("plan_id", sa.String(length=40), nullable=False),
        sa.Column("table_name", sa.String(length=60), nullable=False),
        sa.Column("row_key", sa.String(length=400), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("qty", sa.Double(), nullable=True),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("decided_by", sa.String(length=300), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["plan_id"], ["plans.id"]),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"]),
        sa.PrimaryKeyConstraint("plan_id", "table_name", "row_key"),
    )
    op.create_index(
        op.f("ix_row_decisions_tenant_id"), "row_decisions", ["tenant_id"], unique=False
    )


def downgrade() -> None:
    """Undo it."""
    op.drop_index(op.f("ix_row_decisions_tenant_id"), table_name="row_decisions")
    op.drop_table("row_decisions")
    op.drop_index("publications_by_number", table_name="publications")
    op.drop_index(op.f("ix_publications_tenant_id"), table_name="publications")
    op.drop_table("publications")
    with op.batch_alter_table("plans") as plans:
        plans.drop_column("decision")
    with op.batch_alter_table("runs") as runs:
        runs.drop_column("steps")
