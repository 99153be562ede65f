"""`/token`: Authlib finds the grant and calls it; the checks are ours."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from authlib.oauth2 import AuthorizationServer, OAuth2Request  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.grants import BaseGrant, TokenEndpointMixin  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.requests import OAuth2Payload  # type: ignore[import-untyped]
from starlette.responses import JSONResponse, Response

from bedside.auth.access_log import Happening, record
from bedside.auth.answers import NO_STORE
from bedside.auth.authority import Authority
from bedside.auth.grants import Asked, Grant
from bedside.auth.proof import proven_key
from bedside.auth.protocol.client_authentication import authenticated_client
from bedside.auth.protocol.client_request import ClientRequest
from bedside.auth.refusals import OAuthRefused, invalid_request
from bedside.identity import Unverified

PATH = "/token"
# Whether TLS ends here or at a proxy is the installation's business; Authlib would guess it from the address.
_ADDRESS = "https://token-endpoint/"


class TokenEndpoint:
    def __init__(self, authority: Authority, grants: Mapping[str, Grant]) -> None:
        self._grants = grants
        self._server = _Server()
        for grant_type, grant in grants.items():
            self._server.register_grant(_authlib_grant(authority, grant_type, grant))

    def answer(self, request: ClientRequest) -> Response:
        """Raises OAuthRefused."""
        grant_type = request.parameters.get("grant_type")
        if grant_type is None:
            raise invalid_request("grant_type is missing")
        if grant_type not in self._grants:
            # Authlib would repeat what was sent in the description, where few characters are allowed.
            raise OAuthRefused("unsupported_grant_type", "this grant type is not offered")
        response: Response = self._server.create_token_response(request)
        return response


class _Payload(OAuth2Payload):  # type: ignore[misc]
    def __init__(self, request: ClientRequest) -> None:
        self._request = request

    @property
    def data(self) -> Mapping[str, str]:
        return self._request.parameters.as_mapping()

    @property
    def datalist(self) -> defaultdict[str, list[str]]:
        values: defaultdict[str, list[str]] = defaultdict(list)
        for name, value in self._request.parameters.pairs:
            values[name].append(value)
        return values


class _Server(AuthorizationServer):  # type: ignore[misc]
    def create_oauth2_request(self, request: ClientRequest) -> Any:
        made = OAuth2Request("POST", _ADDRESS)
        made.payload = _Payload(request)
        made.client_request = request
        return made

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        return JSONResponse(body, status, headers=NO_STORE)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""


def _authlib_grant(authority: Authority, grant_type: str, grant: Grant) -> type[Any]:
    class Dispatched(BaseGrant, TokenEndpointMixin):  # type: ignore[misc]
        GRANT_TYPE = grant_type

        def validate_token_request(self) -> None:
            """Everything is checked in one transaction, with what it changes."""

        def create_token_response(self) -> tuple[int, Any, Any]:
            # What is refused goes past Authlib to the app's one handler of refusals.
            return 200, _granted(authority, grant_type, grant, self.request.client_request), ()

    return Dispatched


def _granted(authority: Authority, grant_type: str, grant: Grant, request: ClientRequest) -> dict[str, Any]:
    with authority.units.unit() as session:
        client = authenticated_client(authority, session, request)
        try:
            if grant_type not in client.grant_types:
                raise OAuthRefused("unauthorized_client", "this client is not registered for this grant")
            key = proven_key(authority, session, client, request, path=PATH)
            answer = grant(Asked(authority, session, client, request.parameters, key))
        except OAuthRefused as refused:
            detail = {"grant": grant_type, "reason": refused.error}
            record(authority, session, Happening("token-refused", "refused", client_id=client.id, detail=detail))
            raise
        if not client.service:
            # What our own services get, they get every few minutes; what they then do with it is in the log.
            record(authority, session, _told_grant(grant_type, answer))
        return answer


def _told_grant(grant_type: str, answer: Mapping[str, Any]) -> Happening:
    claims = Unverified.parse(answer["access_token"]).claims
    return Happening(
        "token-granted",
        user_id=claims["sub"] if claims["sub"] != claims["client_id"] else None,
        client_id=claims["client_id"],
        patient=claims.get("patient"),
        entity=f"Session/{claims['sid']}",
        detail={"grant": grant_type, "scope": claims["scope"]},
    )
