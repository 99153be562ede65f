"""The form for a new password, wherever one is chosen, and what is made of it."""

from functools import partial

from starlette.responses import Response

from bedside.auth.authority import Authority
from bedside.auth.pages import page
from bedside.auth.parameters import Parameters
from bedside.auth.sign_in.strength import weakness
from bedside.auth.tables import User

_DIFFER = "The two new passwords are not the same. Type the new one twice."


async def new_password(authority: Authority, form: Parameters, user: User) -> tuple[str, str | None]:
    """What was typed, and what is wrong with it, if anything. To be awaited outside any transaction."""
    password = form.get("password") or ""
    if password != (form.get("again") or ""):
        return password, _DIFFER
    about = [part for part in (user.username, user.name, user.email) if part]
    return password, await authority.passwords.beside(partial(weakness, password, about=about))


def password_form(
    user: User, *, action: str, csrf: str, asks_old: bool, problem: str | None = None, status: int | None = None
) -> Response:
    return page(
        "password.html",
        status=status or (422 if problem else 200),
        username=user.username,
        action=action,
        csrf=csrf,
        asks_old=asks_old,
        problem=problem,
    )
