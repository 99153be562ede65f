"""Second factors, and what a sign-in still waits for."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    pass
