"""What services must hear of."""

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    pass
