"""The register of seals is found by unit and branch.

Revision ID: 0024
Revises: 0023
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """To this revision."""
    op.add_column("seals", sa.Column("unit", sa.String(128), nullable=False, server_default=""))
    op.add_column("seals", sa.Column("branch", sa.String(64), nullable=False, server_default=""))
    seals = sa.table("seals", *map(sa.column, ("id", "owner", "unit", "branch")))
    versions = sa.table("seal_versions", *map(sa.column, ("seal_id", "revision", "content")))
    connection = op.get_bind()
    connection.execute(sa.update(seals).values(unit=seals.c.owner))
    applied = sa.select(versions.c.seal_id, versions.c.content).where(versions.c.revision > 0)
    for row in connection.execute(applied.order_by(versions.c.revision)).all():
        said = json.loads(row.content)
        values = {"unit": said["unit"], "branch": said.get("branch", "")}
        connection.execute(sa.update(seals).where(seals.c.id == row.seal_id).values(values))
