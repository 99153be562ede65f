"""How clients prove who they are, and what they are bound to."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    pass
