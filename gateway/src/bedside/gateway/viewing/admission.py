"""Who asks, and in which role."""

from starlette.requests import Request

from bedside.gateway.viewing.refusals import Refusal
from bedside.identity import Caller, Guard, Refused, Unreachable


async def admitted(request: Request, guard: Guard, role: str) -> tuple[str, Caller]:
    """The bearer token, and the caller who holds the role in the path. Raises Refusal."""
    try:
        known = await guard.admit(request.scope)
    except Refused as refused:
        raise token_ended(refused) from refused
    except Unreachable as problem:
        text = "Who may call cannot be told at the moment."
        raise Refusal(503, "about:blank", text, headers={"Retry-After": "2"}) from problem
    caller = known.caller
    if role not in caller.roles:
        raise Refusal(403, "not-your-role", "This view is not available to your role.", {"role": role})
    if not caller.may("r", "Patient"):
        raise Refusal(403, "not-your-role", "The token's scopes do not reach patients.", {"role": role})
    return known.bearer, caller


def token_ended(refused: Refused | None = None) -> Refusal:
    """Without `refused`: auth no longer exchanges the token."""
    text = "A bearer token is needed." if refused and refused.reason == "absent" else "The access token was refused."
    challenge = refused.challenge() if refused else 'Bearer error="invalid_token"'
    return Refusal(401, "about:blank", text, headers={"WWW-Authenticate": challenge})
