"""How surely a person was recognised: `amr` names what they showed (RFC 8176), `acr` how much that is worth.

https://www.rfc-editor.org/rfc/rfc8176, https://openid.net/specs/openid-connect-eap-acr-values-1_0.html for `phr`
"""

from collections.abc import Collection

ONE_FACTOR = "urn:bedside:acr:one-factor"
TWO_FACTORS = "urn:bedside:acr:two-factors"
PHISHING_RESISTANT = "phr"
LEVELS = (ONE_FACTOR, TWO_FACTORS, PHISHING_RESISTANT)
"""From the weakest to the strongest."""

PASSWORD_SHOWN = "pwd"  # noqa: S105 - a word of RFC 8176
ONE_TIME_CODE = "otp"
HARDWARE_KEY = "hwk"
SYNCED_KEY = "swk"
PASSKEYS = frozenset({HARDWARE_KEY, SYNCED_KEY})


def level_of(methods: Collection[str]) -> str:
    """A passkey counts for two: it is only accepted when its device recognised its person."""
    shown = frozenset(methods)
    if shown & PASSKEYS:
        return PHISHING_RESISTANT
    return TWO_FACTORS if shown >= {PASSWORD_SHOWN, ONE_TIME_CODE} else ONE_FACTOR


def reaches(level: str | None, wanted: str) -> bool:
    """Whether `acr` of a token is worth `wanted`; what is unknown reaches nothing and is reached by nothing."""
    return level in LEVELS and wanted in LEVELS and LEVELS.index(level) >= LEVELS.index(wanted)


def methods_told(methods: Collection[str]) -> list[str]:
    """`amr` as tokens carry it, sorted; `mfa` says that more than one factor was shown."""
    together = {"mfa"} if reaches(level_of(methods), TWO_FACTORS) else set()
    return sorted(frozenset(methods) | together)
