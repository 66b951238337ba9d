"""Chunks of runs, whose turn it is, and how much of a tenant may run at once."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the step."""
    op.create_table(
        "run_chunks",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("work", sa.String(length=64), nullable=False),
        sa.Column("chunk", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("deaths", sa.Integer(), nullable=False),
        sa.Column("worker_id", sa.String(length=60), nullable=True),
        sa.Column("result", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["runs.id"],
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tenants.id"],
        ),
        sa.PrimaryKeyConstraint("run_id", "key"),
    )
    op.create_index("chunks_by_state", "run_chunks", ["state", "turn"], unique=False)
    op.create_index(op.f("ix_run_chunks_tenant_id"), "run_chunks", ["tenant_id"], unique=False)
    op.create_index(op.f("ix_run_chunks_worker_id"), "run_chunks", ["worker_id"], unique=False)
    op.add_column("tenants", sa.Column("max_running", sa.Integer(), nullable=True))
    for column in (
        sa.Column("turn", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("held", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("runs", column)


def downgrade() -> None:
    """Undo it; runs that were held wait in the queue like others when a worker looks."""
    op.drop_column("runs", "held")
    op.drop_column("runs", "turn")
    op.drop_column("tenants", "max_running")
    op.drop_index(op.f("ix_run_chunks_worker_id"), table_name="run_chunks")
    op.drop_index(op.f("ix_run_chunks_tenant_id"), table_name="run_chunks")
    op.drop_index("chunks_by_state", table_name="run_chunks")
    op.drop_table("run_chunks")
