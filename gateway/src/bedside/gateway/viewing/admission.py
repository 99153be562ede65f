"""Who asks, and in which role."""

from starlette.requests import Request

from bedside.gateway.viewing.refusals import Refusal
from bedside.identity import Caller, Refused, Verifier


async def admitted(request: Request, verifier: Verifier, role: str) -> tuple[str, Caller]:
    """The bearer token, and the caller who holds the role in the path. Raises Refusal."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    bearer = token.strip()
    if scheme.lower() != "bearer" or not bearer:
        raise Refusal(401, "about:blank", "A bearer token is needed.", headers={"WWW-Authenticate": "Bearer"})
    try:
        caller = Caller.of(await verifier.verify(bearer))
    except Refused as refused:
        raise token_ended(refused.error) from refused
    if role not in caller.roles:
        raise Refusal(403, "not-your-role", "This view is not available to your role.", {"role": role})
    if not caller.may("r", "Patient"):
        raise Refusal(403, "not-your-role", "The token's scopes do not reach patients.", {"role": role})
    return bearer, caller


def token_ended(error: str = "invalid_token") -> Refusal:
    challenge = {"WWW-Authenticate": f'Bearer error="{error}"'}
    return Refusal(401, "about:blank", "The access token was refused.", headers=challenge)
