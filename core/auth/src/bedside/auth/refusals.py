"""The refusals of OAuth, in its words."""


class OAuthRefused(Exception):
    """`error` is a registered OAuth error code; `description` is for the client's developer, in plain ASCII of ours.

    Nothing that was sent is repeated: RFC 6749 allows few characters here, and logs keep descriptions.
    """

    def __init__(self, error: str, description: str, *, status: int = 400, reason: str | None = None) -> None:
        """`reason` is a word for the access log and the tests, where the caller is not to know which it was."""
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status
        self.reason = reason


def invalid_request(description: str) -> OAuthRefused:
    return OAuthRefused("invalid_request", description)


def invalid_grant(description: str) -> OAuthRefused:
    return OAuthRefused("invalid_grant", description)


def invalid_scope(description: str) -> OAuthRefused:
    return OAuthRefused("invalid_scope", description)


def invalid_target(description: str) -> OAuthRefused:
    return OAuthRefused("invalid_target", description)


def invalid_client(reason: str | None = None) -> OAuthRefused:
    # One sentence for an unknown client, a wrong secret and a wrong method: which it was is nobody's business.
    return OAuthRefused("invalid_client", "client authentication failed", status=401, reason=reason)
