"""One program: what it is registered with, its secret, and whether it may act."""

from starlette.responses import Response

from bedside.auth.admin.clients import PATH, by, found_client, made_by
from bedside.auth.admin.console import Console, Visit
from bedside.auth.admin.notes import Note
from bedside.auth.admin.scope_words import in_words
from bedside.auth.admin.sections import CLIENTS
from bedside.auth.clients import disable_client, enable_client, end_old_secret, rotate_secret
from bedside.auth.tables import Client

ONE = f"{PATH}/{{client_id}}"
METHODS = {
    "none": "none: a public app, on a device of its user",
    "client_secret_basic": "a secret, in the header",
    "client_secret_post": "a secret, in the body",
    "private_key_jwt": "a key of its own",
}
GRANTS = {
    "authorization_code": "act for a person who signs in",
    "refresh_token": "go on acting for that person",
    "client_credentials": "act for itself",
    "urn:ietf:params:oauth:grant-type:token-exchange": "exchange a caller's token",
}


def declare(console: Console) -> None:
    @console.page(ONE, may=CLIENTS)
    def shown(visit: Visit) -> Response:
        client = found_client(visit)
        if client is None:
            return visit.nothing_there()
        return visit.shown(
            "client.html",
            client=client,
            method=METHODS.get(client.auth_method, client.auth_method),
            grants=[GRANTS.get(grant, grant) for grant in client.grant_types],
            scopes=[(scope, in_words(scope)) for scope in client.scope.split()],
            registered_by=made_by(visit.session, client.registered_by),
        )

    @console.page(f"{ONE}/rotate", may=CLIENTS, fresh=True)
    def ask_to_rotate(visit: Visit) -> Response:
        return _asked(
            visit,
            title="Make a new secret for {}?",
            text="It is shown once. The secret until now goes on beside it, until you end it here.",
            button="Make a new secret",
        )

    @console.act(f"{ONE}/rotate", may=CLIENTS, fresh=True)
    def rotate(visit: Visit) -> Response:
        client = found_client(visit)
        if client is None:
            return visit.nothing_there()
        secret = rotate_secret(visit.authority, visit.session, client, by=by(visit))
        text = "There is a new secret. The one until now still works: end it once the program uses the new one."
        return visit.done(f"{PATH}/{client.id}", Note(text, secret=secret, shown_as="Client secret"))

    @console.act(f"{ONE}/end-old-secret", may=CLIENTS, fresh=True)
    def end_old(visit: Visit) -> Response:
        client = found_client(visit)
        if client is None:
            return visit.nothing_there()
        end_old_secret(visit.authority, visit.session, client, by=by(visit))
        return visit.done(f"{PATH}/{client.id}", "The old secret works no longer.")

    @console.page(f"{ONE}/disable", may=CLIENTS, fresh=True)
    def ask_to_disable(visit: Visit) -> Response:
        return _asked(
            visit,
            title="Disable {}?",
            text="It may act no longer. All it was granted ends within seconds, for everybody who uses it.",
            button="Disable",
            danger=True,
        )

    @console.act(f"{ONE}/disable", may=CLIENTS, fresh=True)
    def disable(visit: Visit) -> Response:
        client = found_client(visit)
        if client is None:
            return visit.nothing_there()
        disable_client(visit.authority, visit.session, client, by=by(visit))
        return visit.done(f"{PATH}/{client.id}", "The program is disabled. What it was granted is over.")

    @console.act(f"{ONE}/enable", may=CLIENTS, fresh=True)
    def enable(visit: Visit) -> Response:
        client = found_client(visit)
        if client is None:
            return visit.nothing_there()
        enable_client(visit.authority, visit.session, client, by=by(visit))
        return visit.done(f"{PATH}/{client.id}", "The program may act again. What it held before does not come back.")


def _asked(visit: Visit, *, title: str, text: str, button: str, danger: bool = False) -> Response:
    client: Client | None = found_client(visit)
    if client is None:
        return visit.nothing_there()
    title, back = title.format(client.name), f"{PATH}/{client.id}"
    return visit.shown("confirm.html", title=title, text=text, button=button, danger=danger, back=back)
