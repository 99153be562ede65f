"""Making a user, and changing who they are."""

from collections.abc import Mapping
from dataclasses import replace

from starlette.responses import Response

from bedside.auth.admin.console import Console, Visit
from bedside.auth.admin.sections import USERS
from bedside.auth.admin.typing_in import typed
from bedside.auth.admin.user import ONE
from bedside.auth.admin.users import PATH, actor
from bedside.auth.directory import Details, change_user, create_user, details_of, find_user
from bedside.auth.parameters import Parameters
from bedside.identity.roles import ROLES

NEW = f"{PATH}/new"
_EMPTY = Details(username="", name="")


def declare(console: Console) -> None:
    @console.page(NEW, may=USERS, fresh=True)
    def new(visit: Visit) -> Response:
        return _form(visit, _fields(_EMPTY), roles=[], new=True)

    @console.act(NEW, may=USERS, fresh=True, refused=_refused_new)
    def create(visit: Visit) -> Response:
        details, roles = _read(_EMPTY, visit.form), visit.form.all("roles")
        user = create_user(visit.authority, visit.session, actor(visit), details, roles=roles)
        return visit.done(f"{PATH}/{user.id}", "The user is made.")

    @console.page(f"{ONE}/edit", may=USERS, fresh=True)
    def edit(visit: Visit) -> Response:
        user = find_user(visit.session, visit.named["user_id"])
        if user is None:
            return visit.nothing_there()
        return _form(visit, _fields(details_of(user)), roles=[], new=False)

    @console.act(f"{ONE}/edit", may=USERS, fresh=True, refused=_refused_edit)
    def change(visit: Visit) -> Response:
        user = find_user(visit.session, visit.named["user_id"])
        if user is None:
            return visit.nothing_there()
        change_user(visit.authority, visit.session, actor(visit), user, _read(details_of(user), visit.form))
        return visit.done(f"{PATH}/{user.id}", "Saved.")


def _refused_new(visit: Visit, sentence: str) -> Response:
    return _form(visit, _typed(visit.form), roles=visit.form.all("roles"), new=True, problem=sentence)


def _refused_edit(visit: Visit, sentence: str) -> Response:
    return _form(visit, _typed(visit.form), roles=[], new=False, problem=sentence)


def _read(before: Details, form: Parameters) -> Details:
    """What the form does not ask for stays."""
    return replace(
        before,
        username=typed(form, "username", characters_max=1_000),
        name=typed(form, "name", characters_max=1_000),
        email=typed(form, "email", characters_max=1_000) or None,
        fhir_user=typed(form, "fhir_user") or None,
    )


def _fields(details: Details) -> dict[str, str]:
    return {
        "username": details.username,
        "name": details.name,
        "email": details.email or "",
        "fhir_user": details.fhir_user or "",
    }


def _typed(form: Parameters) -> dict[str, str]:
    return {name: typed(form, name, characters_max=1_000) for name in ("username", "name", "email", "fhir_user")}


def _form(
    visit: Visit, fields: Mapping[str, str], *, roles: list[str], new: bool, problem: str | None = None
) -> Response:
    return visit.shown(
        "user_form.html",
        status=422 if problem else 200,
        fields=fields,
        chosen=roles,
        new=new,
        problem=problem,
        back=PATH if new else f"{PATH}/{visit.named['user_id']}",
        roles=sorted(ROLES),
    )
