"""People, what they may do, and what follows when that changes.

SCIM, the console, the command line and the reactions all use these verbs, so that each rule stands in one place. A verb
takes the authority, an open unit of work and the actor; `administering` opens such a unit and notes what was refused.
"""

from bedside.auth.directory.activity import deactivate, delete_user, end_grants, reactivate
from bedside.auth.directory.actor import Actor
from bedside.auth.directory.administering import administering
from bedside.auth.directory.clients import active_client, keep_client
from bedside.auth.directory.details import Details, details_of, folded
from bedside.auth.directory.factors import remove_factor, reset_factors
from bedside.auth.directory.finding import active_user, find_user, find_users, user_named
from bedside.auth.directory.following import MergedInCircle, follow_merge, is_news
from bedside.auth.directory.groups import (
    add_members,
    create_group,
    delete_group,
    find_group,
    groups_of,
    members_of,
    remove_members,
    rename_group,
    roles_of_group,
    set_group_roles,
)
from bedside.auth.directory.keeping import keep_user
from bedside.auth.directory.label_rights import give_label_right, label_rights_of, withdraw_label_right
from bedside.auth.directory.passwords import (
    change_own_password,
    link_kind,
    make_password_link,
    set_password,
    use_password_link,
    user_of_link,
)
from bedside.auth.directory.people import change_user, create_user
from bedside.auth.directory.proxies import grant_proxy, patients_of, withdraw_proxy
from bedside.auth.directory.refusing import DirectoryRefused
from bedside.auth.directory.roles import grant_role, own_roles_of, roles_of, set_roles, withdraw_role

__all__ = [
    "Actor",
    "Details",
    "DirectoryRefused",
    "MergedInCircle",
    "active_client",
    "active_user",
    "add_members",
    "administering",
    "change_own_password",
    "change_user",
    "create_group",
    "create_user",
    "deactivate",
    "delete_group",
    "delete_user",
    "details_of",
    "end_grants",
    "find_group",
    "find_user",
    "find_users",
    "folded",
    "follow_merge",
    "give_label_right",
    "grant_proxy",
    "grant_role",
    "groups_of",
    "is_news",
    "keep_client",
    "keep_user",
    "label_rights_of",
    "link_kind",
    "make_password_link",
    "members_of",
    "own_roles_of",
    "patients_of",
    "reactivate",
    "remove_factor",
    "remove_members",
    "rename_group",
    "reset_factors",
    "roles_of",
    "roles_of_group",
    "set_group_roles",
    "set_password",
    "set_roles",
    "use_password_link",
    "user_named",
    "user_of_link",
    "withdraw_label_right",
    "withdraw_proxy",
    "withdraw_role",
]
