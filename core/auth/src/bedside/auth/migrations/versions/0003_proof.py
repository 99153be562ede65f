"""Pushed requests, proofs of possession, and the life of keys."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    pass
