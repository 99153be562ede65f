"""The keys that sign tokens: how old they are, and in which state."""

from sqlmodel import col, select
from starlette.responses import Response

from bedside.auth.admin.console import Console, Visit
from bedside.auth.admin.sections import KEYS
from bedside.auth.tables import SigningKey

PATH = "/admin/keys"
_SHOWN_MAX = 100
_ORDER = ("active", "next", "retiring", "gone")


def declare(console: Console) -> None:
    @console.page(PATH, may=KEYS)
    def listed(visit: Visit) -> Response:
        newest = select(SigningKey).order_by(col(SigningKey.created_at).desc(), col(SigningKey.kid)).limit(_SHOWN_MAX)
        keys = sorted(visit.session.exec(newest).all(), key=lambda key: _ORDER.index(key.state))
        return visit.shown("keys.html", keys=keys)
