"""Emergency access, and its review."""

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    pass
