"""Registering a program, and changing what it is registered with."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from starlette.responses import Response

from bedside.auth.admin.client import GRANTS, METHODS, ONE
from bedside.auth.admin.clients import PATH, by, found_client
from bedside.auth.admin.console import Console, Refusal, Visit
from bedside.auth.admin.mending import in_words_of_the_form
from bedside.auth.admin.notes import Note
from bedside.auth.admin.sections import CLIENTS
from bedside.auth.admin.typing_in import typed, typed_lines
from bedside.auth.clients import ClientMetadata, register_client, update_client
from bedside.auth.parameters import Parameters

NEW = f"{PATH}/new"
_FLAGS = ("first_party", "bound_to_par", "bound_to_dpop", "assertion_to_issuer")
_LISTS = ("redirect_uris", "post_logout_redirect_uris", "audiences", "exchange_audiences")
_EMPTY = ClientMetadata(name="", grant_types=("authorization_code", "refresh_token"))


def declare(console: Console) -> None:
    @console.page(NEW, may=CLIENTS, fresh=True)
    def new(visit: Visit) -> Response:
        return _form(visit, _fields(_EMPTY), new=True)

    @console.act(NEW, may=CLIENTS, fresh=True, refused=_refused_new)
    def register(visit: Visit) -> Response:
        metadata = _read(_EMPTY, visit.form)
        wanted = typed(visit.form, "client_id") or None
        registered = register_client(visit.authority, visit.session, metadata, by=by(visit), client_id=wanted)
        note = Note("The program is registered.", secret=registered.secret, shown_as="Client secret")
        return visit.done(f"{PATH}/{registered.client.id}", note)

    @console.page(f"{ONE}/edit", may=CLIENTS, fresh=True)
    def edit(visit: Visit) -> Response:
        client = found_client(visit)
        if client is None or client.service:
            return visit.nothing_there()
        return _form(visit, _fields(ClientMetadata.of(client)), new=False, client=client)

    @console.act(f"{ONE}/edit", may=CLIENTS, fresh=True, refused=_refused_edit)
    def change(visit: Visit) -> Response:
        client = found_client(visit)
        if client is None:
            return visit.nothing_there()
        metadata = _read(ClientMetadata.of(client), visit.form)
        changed = update_client(visit.authority, visit.session, client, metadata, by=by(visit))
        note = Note("The registration is changed.", secret=changed.secret, shown_as="Client secret")
        return visit.done(f"{PATH}/{client.id}", note)


def _refused_new(visit: Visit, sentence: str) -> Response:
    return _form(visit, _typed_fields(visit.form), new=True, problem=in_words_of_the_form(sentence))


def _refused_edit(visit: Visit, sentence: str) -> Response:
    return _form(
        visit, _typed_fields(visit.form), new=False, problem=in_words_of_the_form(sentence), client=found_client(visit)
    )


def _read(before: ClientMetadata, form: Parameters) -> ClientMetadata:
    """What the form does not ask for stays. Raises Refusal for keys that are no JSON."""
    method = next((method for method in METHODS if method == form.get("auth_method")), before.auth_method)
    by_key = method == "private_key_jwt"
    grants = tuple(grant for grant in GRANTS if grant in form.all("grant_types"))
    lists: dict[str, Any] = {name: tuple(typed_lines(form, name)) for name in _LISTS}
    flags: dict[str, Any] = {name: form.get(name) == "on" for name in _FLAGS}
    return replace(
        before,
        name=typed(form, "name"),
        auth_method=method,  # type: ignore[arg-type]
        grant_types=grants,
        scope=" ".join((form.get("scope") or "").split()),
        jwks=_keys(form) if by_key else None,
        jwks_uri=(typed(form, "jwks_uri", characters_max=1_000) or None) if by_key else None,
        **lists,
        **flags,
    )


def _keys(form: Parameters) -> Mapping[str, Any] | None:
    text = (form.get("jwks") or "").strip()
    if not text:
        return None
    try:
        keys = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refusal("invalid_client_metadata", "The keys are no JSON.") from error
    if not isinstance(keys, dict):
        raise Refusal("invalid_client_metadata", "The keys are no JWK Set.")
    return keys


def _fields(metadata: ClientMetadata) -> dict[str, Any]:
    """The fields of the form as text."""
    return {
        "client_id": "",
        "name": metadata.name,
        "auth_method": metadata.auth_method,
        "grant_types": metadata.grant_types,
        "scope": "\n".join(metadata.scope.split()),
        "jwks": json.dumps(metadata.jwks, indent=2) if metadata.jwks is not None else "",
        "jwks_uri": metadata.jwks_uri or "",
        **{name: "\n".join(getattr(metadata, name)) for name in _LISTS},
        **{name: getattr(metadata, name) for name in _FLAGS},
    }


def _typed_fields(form: Parameters) -> dict[str, Any]:
    """What was typed, to be mended."""
    texts = ("client_id", "name", "auth_method", "scope", "jwks", "jwks_uri", *_LISTS)
    flags = {name: form.get(name) == "on" for name in _FLAGS}
    return {name: form.get(name) or "" for name in texts} | {"grant_types": form.all("grant_types")} | flags


def _form(
    visit: Visit, fields: Mapping[str, Any], *, new: bool, problem: str | None = None, client: Any = None
) -> Response:
    return visit.shown(
        "client_form.html",
        status=422 if problem else 200,
        fields=fields,
        new=new,
        problem=problem,
        back=PATH if client is None else f"{PATH}/{client.id}",
        methods=METHODS,
        grants=GRANTS,
        fhir_base=visit.authority.installation.fhir_base,
    )
