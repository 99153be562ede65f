"""The sections of the console, and the word that opens each."""

from collections.abc import Collection
from dataclasses import dataclass

USERS, CLIENTS, SESSIONS, KEYS, AUDIT = (
    "users.manage",
    "clients.manage",
    "sessions.manage",
    "keys.manage",
    "audit.read",
)


@dataclass(frozen=True)
class Section:
    name: str
    path: str
    may: str
    """The scope word that a role of the visitor has to hold."""


SECTIONS = (
    Section("Users", "/admin/users", USERS),
    Section("Groups", "/admin/groups", USERS),
    Section("Clients", "/admin/clients", CLIENTS),
    Section("Sessions", "/admin/sessions", SESSIONS),
    Section("Consents", "/admin/consents", SESSIONS),
    Section("Keys", "/admin/keys", KEYS),
    Section("Emergency access", "/admin/glass", AUDIT),
    Section("Access log", "/admin/access-log", AUDIT),
)
WORDS = frozenset(section.may for section in SECTIONS)


def sections_of(words: Collection[str]) -> list[Section]:
    return [section for section in SECTIONS if section.may in words]
