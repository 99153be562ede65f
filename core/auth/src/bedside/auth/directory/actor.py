"""Who changes the directory."""

from dataclasses import dataclass

from bedside.identity import Caller

MANAGES_USERS = "users.manage"


@dataclass(frozen=True)
class Actor:
    """A person, a program, an operator at the database, or what follows from an event.

    Persons and programs need the right `users.manage`. `via` is how they came: `scim`, `console`, `cli`, `reaction`.
    """

    via: str
    may_manage: bool
    user_id: str | None = None
    client_id: str | None = None

    @classmethod
    def of(cls, caller: Caller, *, via: str) -> "Actor":
        """The bearer of an access token."""
        person = caller.subject if caller.subject != caller.client_id else None
        return cls(via, caller.holds(MANAGES_USERS), user_id=person, client_id=caller.client_id)

    @classmethod
    def operator(cls) -> "Actor":
        """Whoever can open the database can do all this without us; so it is at least done by the rules, and noted."""
        return cls("cli", True)

    @classmethod
    def reaction(cls) -> "Actor":
        return cls("reaction", True)
