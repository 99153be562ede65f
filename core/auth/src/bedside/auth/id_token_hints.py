"""ID tokens that apps bring back, to say whom they speak of. Their age does not matter: people come back late.

https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest (`id_token_hint`)
"""

from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from bedside.auth.authority import Authority
from bedside.identity import Refused, Unverified


def hinted(authority: Authority, id_token: str | None) -> Mapping[str, Any] | None:
    """The claims; None for what is no ID token that this server signed."""
    if id_token is None:
        return None
    try:
        kid = Unverified.parse(id_token).header.get("kid")
        key = authority.signer.id_token_key(kid) if isinstance(kid, str) else None
        claims = jwt.decode(id_token, key, algorithms=["RS256"]).claims if key is not None else {}
    except (JoseError, ValueError, Refused):
        return None
    return claims if claims.get("iss") == authority.installation.issuer else None
