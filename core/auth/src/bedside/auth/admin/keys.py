"""The keys that sign tokens: in which state they are, rotating them, and taking one away that others may have."""

from starlette.responses import Response

from bedside.auth.admin.console import Console, Visit
from bedside.auth.admin.sections import KEYS
from bedside.auth.keys.rotation import Occasion, UnknownKey, all_keys, rotate_within, withdraw_within

PATH = "/admin/keys"


def declare(console: Console) -> None:
    @console.page(PATH, may=KEYS)
    def listed(visit: Visit) -> Response:
        return visit.shown("keys.html", keys=all_keys(visit.session, now=visit.authority.clock.now()))

    @console.act(f"{PATH}/rotate", may=KEYS, fresh=True)
    def rotate(visit: Visit) -> Response:
        rotate_within(visit.authority, visit.session, _occasion(visit))
        return visit.done(PATH, "New keys are published. They sign in ten minutes, when everybody knows them.")

    @console.page(f"{PATH}/{{kid}}/withdraw", may=KEYS, fresh=True)
    def confirm(visit: Visit) -> Response:
        known = all_keys(visit.session, now=visit.authority.clock.now())
        if not any(key.kid == visit.named["kid"] and key.state != "gone" for key in known):
            return visit.nothing_there()
        return visit.shown(
            "confirm.html",
            title="Take this key away?",
            text="For a key that somebody else may have. Every token it signed is refused within seconds: apps that"
            " can refresh go on by themselves, the others have to sign in again.",
            path=f"{PATH}/{visit.named['kid']}/withdraw",
            button="Take it away",
            danger=True,
            back=PATH,
        )

    @console.act(f"{PATH}/{{kid}}/withdraw", may=KEYS, fresh=True)
    def withdraw(visit: Visit) -> Response:
        try:
            withdraw_within(visit.authority, visit.session, visit.named["kid"], _occasion(visit))
        except UnknownKey:
            return visit.nothing_there()
        return visit.done(PATH, "That key is gone. What it signed is refused everywhere within seconds.")


def _occasion(visit: Visit) -> Occasion:
    return Occasion("console", user_id=visit.visitor.user.id)
