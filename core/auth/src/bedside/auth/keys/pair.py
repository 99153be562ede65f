"""A key pair: made, sealed into its row, and taken out again."""

import uuid
from datetime import datetime
from typing import Any, Literal

import orjson
from joserfc.jwk import ECKey, RSAKey

from bedside.auth.keys.sealing import Sealing
from bedside.auth.tables import SigningKey

Algorithm = Literal["ES256", "RS256"]
ALGORITHMS: tuple[Algorithm, ...] = ("ES256", "RS256")
"""Access tokens are signed with the first, ID tokens with the second."""
_RSA_BITS = 2048


def new_row(
    sealing: Sealing, algorithm: Algorithm, *, follows: str, created_at: datetime, signs_from: datetime
) -> SigningKey:
    """A new key. RSA takes a tenth of a second and more: not to be made inside a transaction."""
    kid = str(uuid.uuid4())
    key = _new_key(algorithm, kid)
    return SigningKey(
        kid=kid,
        algorithm=algorithm,
        follows=follows,
        public=dict(key.as_dict(private=False)),
        sealed=sealing.seal(orjson.dumps(key.as_dict(private=True)), bound_to=kid),
        created_at=created_at,
        signs_from=signs_from,
    )


def opened(sealing: Sealing, row: SigningKey) -> ECKey | RSAKey:
    jwk = orjson.loads(sealing.open(row.sealed, bound_to=row.kid))
    return ECKey.import_key(jwk) if jwk["kty"] == "EC" else RSAKey.import_key(jwk)


def _new_key(algorithm: Algorithm, kid: str) -> ECKey | RSAKey:
    parameters: Any = {"kid": kid, "use": "sig", "alg": algorithm}
    if algorithm == "ES256":
        return ECKey.generate_key("P-256", parameters, private=True)
    return RSAKey.generate_key(_RSA_BITS, parameters, private=True)
