"""One person: what they may do, for how long, where they are signed in; and taking it away."""

from collections.abc import Callable
from datetime import datetime, time, timedelta

from starlette.responses import Response

from bedside.auth.admin.console import Console, Refusal, Visit
from bedside.auth.admin.label_words import label_in_words, labels_by_words
from bedside.auth.admin.notes import Note
from bedside.auth.admin.sections import SESSIONS, USERS
from bedside.auth.admin.sessions import living_of
from bedside.auth.admin.typing_in import typed, typed_day
from bedside.auth.admin.users import PATH, actor
from bedside.auth.directory import (
    deactivate,
    end_grants,
    find_user,
    give_label_right,
    grant_role,
    groups_of,
    label_rights_of,
    link_kind,
    make_password_link,
    own_roles_of,
    patients_of,
    reactivate,
    reset_factors,
    roles_of_group,
    withdraw_label_right,
    withdraw_role,
)
from bedside.auth.endpoints.password import link_to
from bedside.auth.sign_in.completing import confirmed_factors
from bedside.auth.sign_in.lockout import account_of
from bedside.auth.sign_in.recovery import recovery_codes_left
from bedside.auth.tables import Attempt, User
from bedside.identity.roles import ROLES

ONE = f"{PATH}/{{user_id}}"
_SOON = timedelta(days=14)
"""A right to a label that ends within it is marked, so that who still needs it asks in time."""
Act = Callable[[Visit, User], Note | str]
"""Does it, and says so."""


def declare(console: Console) -> None:
    @console.page(ONE, may=USERS)
    def shown(visit: Visit) -> Response:
        user = find_user(visit.session, visit.named["user_id"])
        return _shown(visit, user) if user is not None else visit.nothing_there()

    for name, act in (
        ("roles/grant", _grant_role),
        ("roles/withdraw", _withdraw_role),
        ("labels/give", _give_label),
        ("labels/withdraw", _withdraw_label),
        ("enable", _enable),
    ):
        _declare_act(console, name, act)
    _declare_asked(
        console,
        "disable",
        _disable,
        title="Disable {}?",
        text="They are signed out everywhere within seconds and cannot sign in. You can enable them again; what they"
        " had open does not come back.",
        button="Disable",
    )
    _declare_asked(
        console,
        "password-link",
        _make_link,
        title="Make a link for {}?",
        text="With it they choose a password, once. It is good for 3 days if they have none yet, else for 15 minutes."
        " It is shown to you once, to be handed over safely; links from before are good no longer.",
        button="Make the link",
        danger=False,
    )
    _declare_asked(
        console,
        "factors/reset",
        _reset_factors,
        title="Reset the second step of {}?",
        text="Authenticator apps, passkeys and recovery codes of theirs let nobody in any more. They are signed out"
        " everywhere, and whoever must have a second step sets one up when they next sign in. Make sure that it is they"
        " who ask.",
        button="Reset",
    )
    _declare_asked(
        console,
        "sign-out",
        _sign_out,
        title="Sign {} out everywhere?",
        text="Every browser and every app of theirs, also those that go on while they are away. They may sign in anew.",
        button="Sign out everywhere",
    )


def _declare_act(console: Console, name: str, act: Act) -> None:
    @console.act(f"{ONE}/{name}", may=USERS, fresh=True)
    def acted(visit: Visit) -> Response:
        user = find_user(visit.session, visit.named["user_id"])
        if user is None:
            return visit.nothing_there()
        said = act(visit, user)
        return visit.done(f"{PATH}/{user.id}", said)


def _declare_asked(
    console: Console, name: str, act: Act, *, title: str, text: str, button: str, danger: bool = True
) -> None:
    """An act that is asked about first, on a page that says what follows from it."""

    @console.page(f"{ONE}/{name}", may=USERS, fresh=True)
    def asked(visit: Visit) -> Response:
        user = find_user(visit.session, visit.named["user_id"])
        if user is None:
            return visit.nothing_there()
        return visit.shown(
            "confirm.html",
            title=title.format(user.name),
            text=text,
            button=button,
            danger=danger,
            back=f"{PATH}/{user.id}",
        )

    _declare_act(console, name, act)


def _shown(visit: Visit, user: User) -> Response:
    now, session = visit.authority.clock.now(), visit.session
    return visit.shown(
        "user.html",
        user=user,
        invited=link_kind(user) == "invitation",
        link_asked_at=_asked_for_link(visit, user),
        factors=confirmed_factors(session, user),
        codes_left=recovery_codes_left(session, user),
        own_roles=own_roles_of(session, user, now=now),
        now=now,
        groups=[(group, roles_of_group(session, group)) for group in groups_of(session, user)],
        label_rights=label_rights_of(session, user, now=now),
        proxies=patients_of(session, user, now=now),
        sessions_of_them=living_of(session, user, now=now) if SESSIONS in visit.visitor.words else None,
        roles=sorted(ROLES),
        labels=labels_by_words(),
        label_in_words=label_in_words,
        soon=_SOON,
        today=now.astimezone(visit.authority.installation.zone).date().isoformat(),
    )


def _grant_role(visit: Visit, user: User) -> str:
    now, since = visit.authority.clock.now(), _day(visit, "since")
    grant_role(
        visit.authority,
        visit.session,
        actor(visit),
        user,
        typed(visit.form, "role"),
        since=since if since is not None and since > now else None,
        until=_after(_day(visit, "until")),
    )
    return "The role is given. Apps that are open learn of it when they next ask for a token."


def _withdraw_role(visit: Visit, user: User) -> str:
    withdraw_role(visit.authority, visit.session, actor(visit), user, typed(visit.form, "role"))
    return "The role is withdrawn. They were signed out, so that nothing open goes on with it."


def _give_label(visit: Visit, user: User) -> str:
    until = _after(_day(visit, "until"))
    if until is None:
        raise Refusal("invalid", "Say until when: such a right always ends.")
    give_label_right(visit.authority, visit.session, actor(visit), user, typed(visit.form, "label"), until=until)
    return "The right is given."


def _withdraw_label(visit: Visit, user: User) -> str:
    withdraw_label_right(visit.authority, visit.session, actor(visit), user, typed(visit.form, "label"))
    return "The right is withdrawn."


def _enable(visit: Visit, user: User) -> str:
    reactivate(visit.authority, visit.session, actor(visit), user)
    return "They may sign in again. What had ended does not come back."


def _disable(visit: Visit, user: User) -> str:
    deactivate(visit.authority, visit.session, actor(visit), user)
    return "They are disabled and signed out everywhere."


def _make_link(visit: Visit, user: User) -> Note:
    invited = link_kind(user) == "invitation"
    secret = make_password_link(visit.authority, visit.session, actor(visit), user)
    text = "Hand it to them in person or by phone: whoever has it chooses their password."
    shown_as = "Invitation link, good for 3 days" if invited else "Link to a new password, good for 15 minutes"
    return Note(text, secret=link_to(visit.authority, secret), shown_as=shown_as)


def _asked_for_link(visit: Visit, user: User) -> datetime | None:
    attempt = visit.session.get(Attempt, account_of(user.username))
    return attempt.link_asked_at if attempt is not None else None


def _reset_factors(visit: Visit, user: User) -> str:
    reset_factors(visit.authority, visit.session, actor(visit), user)
    return "Their second step is reset, and they are signed out everywhere."


def _sign_out(visit: Visit, user: User) -> str:
    end_grants(visit.authority, visit.session, user)
    visit.record("signed-out-everywhere", entity=f"User/{user.id}")
    return "They are signed out everywhere."


def _after(last: datetime | None) -> datetime | None:
    """The end of a last day: the midnight after it, also where that day has 23 or 25 hours."""
    if last is None:
        return None
    return datetime.combine(last.date() + timedelta(days=1), time(), tzinfo=last.tzinfo)


def _day(visit: Visit, name: str) -> datetime | None:
    try:
        return typed_day(visit.form, name, visit.authority.installation.zone)
    except ValueError as error:
        raise Refusal("invalid", "That is not a date.") from error
