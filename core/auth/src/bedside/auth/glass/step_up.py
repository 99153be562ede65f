"""How freshly a person must have shown who they are. https://www.rfc-editor.org/rfc/rfc9470"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bedside.auth.installation import Installation
from bedside.identity import Verified
from bedside.identity.acr import PHISHING_RESISTANT, TWO_FACTORS, reaches

FRESH = timedelta(minutes=5)


@dataclass(frozen=True)
class StepUp:
    """What an app is to ask for at the authorization endpoint. Seconds."""

    max_age: int
    acr_values: str | None = None

    @property
    def challenge(self) -> str:
        """For `WWW-Authenticate`."""
        asked = f'max_age="{self.max_age}"' + (f', acr_values="{self.acr_values}"' if self.acr_values else "")
        return f'Bearer realm="bedside", error="insufficient_user_authentication", {asked}'


def step_up_wanted(installation: Installation) -> StepUp:
    """In a demo nobody needs a second factor, so there the sign-in has to be fresh and no more."""
    return StepUp(int(FRESH.total_seconds()), None if installation.demo else f"{TWO_FACTORS} {PHISHING_RESISTANT}")


def has_stepped_up(token: Verified, installation: Installation, *, now: datetime) -> bool:
    shown_at, level = token.claims.get("auth_time"), token.claims.get("acr")
    if not isinstance(shown_at, int) or shown_at < (now - FRESH).timestamp():
        return False
    return installation.demo or reaches(level if isinstance(level, str) else None, TWO_FACTORS)
