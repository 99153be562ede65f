"""Who is calling: tokens, scopes, callers."""

from bedside.identity.caller import Caller
from bedside.identity.clock import Clock
from bedside.identity.denylist import Denylist
from bedside.identity.emergency import BREAK_GLASS, BrokenGlass
from bedside.identity.exchange import Exchange
from bedside.identity.guard import Admitted, Guard
from bedside.identity.hearing import Hearing
from bedside.identity.keys import Keys
from bedside.identity.labels import SENSITIVE_LABELS
from bedside.identity.refusal import Deaf, Refused, Unreachable
from bedside.identity.roles import ROLES, Role
from bedside.identity.scopes import Permission, Scopes
from bedside.identity.service_key import ServiceKey
from bedside.identity.service_login import LoginRefused, ServiceLogin
from bedside.identity.smart_configuration import smart_configuration
from bedside.identity.token import Unverified, Verified, Verifier

__all__ = [
    "BREAK_GLASS",
    "ROLES",
    "SENSITIVE_LABELS",
    "Admitted",
    "BrokenGlass",
    "Caller",
    "Clock",
    "Deaf",
    "Denylist",
    "Exchange",
    "Guard",
    "Hearing",
    "Keys",
    "LoginRefused",
    "Permission",
    "Refused",
    "Role",
    "Scopes",
    "ServiceKey",
    "ServiceLogin",
    "Unreachable",
    "Unverified",
    "Verified",
    "Verifier",
    "smart_configuration",
]
