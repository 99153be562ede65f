"""A request by a client: a form, and perhaps an Authorization header."""

from dataclasses import dataclass

from anyio import to_thread
from starlette.requests import Request

from bedside.auth.authority import Authority
from bedside.auth.parameters import BODY_BYTES_MAX, Parameters
from bedside.auth.protocol.client_assertion import assertion, keys_at
from bedside.auth.refusals import OAuthRefused, invalid_request

_FORM = "application/x-www-form-urlencoded"
_NOT_IN_QUERIES = frozenset({"client_secret", "client_assertion", "code", "refresh_token", "password"})


@dataclass(frozen=True)
class ClientRequest:
    parameters: Parameters
    authorization: str | None
    proofs: tuple[str, ...] = ()
    """What was sent as `DPoP`."""


async def client_request(request: Request) -> ClientRequest:
    """Raises OAuthRefused unless it is a form within bounds, without secrets in its address."""
    if _NOT_IN_QUERIES & set(request.query_params):
        # Addresses are logged and remembered; a secret that came in one is no longer one.
        raise invalid_request("credentials do not belong into the address")
    parameters = await read_form(request)
    parameters.refuse_repeated()
    authorizations = request.headers.getlist("authorization")
    if len(authorizations) > 1:
        raise invalid_request("more than one Authorization header")
    if "client_assertion" in parameters:
        await _get_keys_ready(request.app.state.authority, parameters)
    proofs = tuple(request.headers.getlist("dpop"))
    return ClientRequest(parameters, authorizations[0] if authorizations else None, proofs)


async def _get_keys_ready(authority: Authority, parameters: Parameters) -> None:
    """Here, where neither a thread nor a transaction waits for somebody else's server."""
    try:
        asserted = assertion(parameters)
    except OAuthRefused:
        # It will be refused, and logged, where the client is authenticated.
        return
    uri = await to_thread.run_sync(keys_at, authority, asserted)
    if uri is not None:
        await authority.client_keys.prepare(uri, asserted.kid)


async def read_form(request: Request) -> Parameters:
    """The form as it was sent, repetitions included. Raises OAuthRefused when it is none, or too large."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise invalid_request("the body is not form-urlencoded")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise OAuthRefused("invalid_request", "the request is too large", status=413)
    return Parameters.parse(body)
