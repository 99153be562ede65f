"""What the directory does about facts that others tell."""

from bedside.auth.reactions.deactivate_account import deactivate_account
from bedside.auth.reactions.following import Following
from bedside.auth.reactions.repoint_account import repoint_account
from bedside.auth.reactions.revoke_proxy_grants import revoke_proxy_grants

FOLLOWING: tuple[Following, ...] = (repoint_account, deactivate_account, revoke_proxy_grants)

__all__ = ["FOLLOWING", "Following"]
