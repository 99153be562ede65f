"""Why a token was not accepted."""

from typing import Literal

Reason = Literal[
    "absent",
    "too-large",
    "malformed",
    "wrong-type",
    "wrong-algorithm",
    "unexpected-header",
    "unknown-key",
    "key-not-in-use",
    "bad-signature",
    "missing-claim",
    "wrong-issuer",
    "wrong-audience",
    "expired",
    "not-yet-valid",
    "issued-in-future",
    "revoked",
    "unknown-bond",
    "bound",
    "not-bound",
    "proof-absent",
    "proof-malformed",
    "proof-wrong-algorithm",
    "proof-wrong-key",
    "proof-bad-signature",
    "proof-for-other-request",
    "proof-for-other-token",
    "proof-not-of-now",
    "proof-by-other-key",
    "proof-replayed",
]

PROOF_ALGORITHMS = "ES256 ES384"
"""By which proofs of possession may be signed."""


class Refused(Exception):
    """A token that proves nothing. The reason is for logs and tests; callers are told `invalid_token` and no more."""

    def __init__(self, reason: Reason, *, error: str = "invalid_token") -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.error = error

    def challenge(self, realm: str | None = None) -> str:
        """For `WWW-Authenticate`. Without any token it names no error (RFC 6750, section 3.1)."""
        said = [f'realm="{realm}"'] if realm else []
        if self.reason != "absent":
            said.append(f'error="{self.error}"')
        scheme = "DPoP" if self.reason == "bound" or self.reason.startswith("proof-") else "Bearer"
        if scheme == "DPoP":
            # https://www.rfc-editor.org/rfc/rfc9449#section-7.1
            said.append(f'algs="{PROOF_ALGORITHMS}"')
        return f"{scheme} {', '.join(said)}".strip()


class Unreachable(Exception):
    """The authorization server did not answer in time. Trying later may help; it never means "allowed"."""


class Deaf(Unreachable):
    """For too long nothing was heard of what auth took back, so no token can be accepted."""

    def __init__(self) -> None:
        super().__init__("nothing is known of what was revoked lately")
