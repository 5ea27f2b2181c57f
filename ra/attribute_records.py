"""Requests for attribute certificates, in the manner of `ra.records`. Moves are only ever added."""

import sqlalchemy as sa

from ca.records import SerialNumber
from core.storage import BigId, UtcDateTime, metadata

attribute_requests = sa.Table(
    "ra_attribute_requests",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("number", sa.String(32), nullable=False, unique=True),
    # The canonical request; its statements are bound to its SM3 digest. The columns below only help to find it.
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("branch", sa.String(64), nullable=False),
    sa.Column("authority", sa.String(64), nullable=False),
    # What it led to; null before.
    sa.Column("serial", SerialNumber, nullable=True),
    sa.Column("certificate", sa.LargeBinary, nullable=True),
    sa.UniqueConstraint("authority", "serial"),
    sa.Index(None, "state", "id"),
)

attribute_moves = sa.Table(
    "ra_attribute_moves",
    metadata,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("request_id", sa.ForeignKey(attribute_requests.c.id), nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("act", sa.String(16), nullable=False),
    sa.Column("operator", sa.String(64), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("statement", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("request_id", "sequence"),
)
