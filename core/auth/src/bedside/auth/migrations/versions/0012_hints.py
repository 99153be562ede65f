"""What an app knows of the person beforehand."""

from bedside.auth.column_types import run

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run(
        "ALTER TABLE auth_request ADD COLUMN login_hint text",
        "ALTER TABLE auth_request ADD COLUMN hinted_user text",
    )
