"""Signing in to auth's own pages, such as the console, which are no app.

The sign-in waits in the same rows as an app's, so every step and every rule of it is the same. It ends at a path of
ours instead of a redirect URI with a code.
"""

import re
from datetime import datetime

from sqlmodel import Session

from bedside.auth.authority import Authority
from bedside.auth.authorizing import OWN_PAGES, REQUEST_LIFE, Pending
from bedside.auth.secrets_kept import digest, new_secret
from bedside.auth.tables import AuthRequest, Client

# Letter by letter from the start: no scheme, host, second slash, dot segment or backslash fits in here.
_PATH = re.compile(r"/(?:admin|account)(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*(?:\?[A-Za-z0-9=&._%+-]*)?", re.ASCII)
_PATH_MAX = 500


def own_path(text: str | None) -> str | None:
    """The path when it is one of auth's own pages, else None: nobody is sent anywhere else after a sign-in."""
    return text if text is not None and len(text) <= _PATH_MAX and _PATH.fullmatch(text) else None


def ask_for_own_page(
    authority: Authority,
    session: Session,
    path: str,
    *,
    browser: str,
    signed_in_after: datetime | None = None,
    factor_after: datetime | None = None,
) -> Pending:
    """`path` is one that `own_path` let pass. What was shown before the given moments does not count."""
    handle = new_secret()
    row = AuthRequest(
        id=digest(handle),
        browser=digest(browser),
        client_id=OWN_PAGES,
        redirect_uri=path,
        scope="",
        challenge="",
        signed_in_after=signed_in_after,
        factor_after=factor_after,
        expires_at=authority.clock.now() + REQUEST_LIFE,
    )
    session.add(row)
    session.flush()
    return Pending(handle, row, session.get_one(Client, OWN_PAGES))
