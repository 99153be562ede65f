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
]


class Refused(Exception):
    """A token that proves nothing. The reason is for logs and tests; callers are told `invalid_token` and no more."""

    def __init__(self, reason: Reason, *, error: str = "invalid_token") -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.error = error


class Unreachable(Exception):
    """The authorization server did not answer in time. Trying later may help; it never means "allowed"."""


class Deaf(Unreachable):
    """For too long nothing was heard of what auth took back, so no token can be accepted."""

    def __init__(self) -> None:
        super().__init__("nothing is known of what was revoked lately")
