"""Groups, rights with an end, and who acts for whom."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    pass
