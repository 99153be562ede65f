"""One write that somebody asks for, and what became of it."""

from dataclasses import dataclass, field
from typing import Any, Literal

from bedside.fhir.patches.patch import Patch
from bedside.fhir.search.purview import UNCONFINED, Letter, Purview
from bedside.fhir.store.links import Link

Kind = Literal["create", "update", "patch", "delete"]


@dataclass(slots=True)
class Draft:
    """`resource` is ours to change: references are rewritten in it. `at` is `Bundle.entry[3]`, or empty.

    With `criteria` (a query) the resource is the one that matches, and the transaction tells its `id`; where none does,
    an update creates one as `new_id`, and `is_new` says so. `sent_id` is the id that such an update was sent with.
    `patch` makes the resource from the version that the transaction finds. What refers to it goes too, when a deletion
    `cascades`. `request` tells whose draft it is, where requests of several authors share a commit.
    """

    kind: Kind
    type_name: str
    id: str
    resource: dict[str, Any] | None = None
    at: str = ""
    if_match: int | None = None
    create_only: bool = False
    if_none_exist: str | None = None
    criteria: str | None = None
    new_id: str = ""
    is_new: bool = False
    sent_id: str | None = None
    patch: Patch | None = None
    cascades: bool = False
    full_url: str | None = None
    references: list["Mention"] = field(default_factory=list)
    links: list[Link] | None = None
    purview: Purview = UNCONFINED
    request: int = 0

    @property
    def key(self) -> str:
        """`Patient/p1`."""
        return f"{self.type_name}/{self.id}"

    @property
    def letter(self) -> Letter:
        """Which interaction of the caller's scopes this is. A PUT that may only create asks for no more than create."""
        if self.kind == "delete":
            return "d"
        return "c" if self.kind == "create" or self.create_only else "u"

    @property
    def is_bounded(self) -> bool:
        """Whether only some resources of the type may be written so by this caller."""
        return not self.purview.is_whole(self.letter, self.type_name)

    @property
    def patient(self) -> str | None:
        """The only patient (a logical id) about whom this caller may write it."""
        return self.purview.patient(self.letter, self.type_name)

    @property
    def request_at(self) -> str:
        """Where the request itself, not the resource, is to blame."""
        return f"{self.at}.request" if self.at else self.type_name

    @property
    def resource_at(self) -> str:
        return f"{self.at}.resource" if self.at else self.type_name


@dataclass(slots=True)
class Mention:
    """A reference as it was sent, and the object in which it stands. Rewriting starts from `sent` each time, so that a
    transaction that lost to another one can be run again."""

    holder: dict[str, Any]
    sent: str


@dataclass(frozen=True, slots=True)
class Written:
    """The state after a write: 201 created, 200 updated or left as it was, 204 deleted or never there.

    `version` is 0 and `updated` 0 when nothing was ever there; `updated` is microseconds since 1970, UTC.
    """

    status: int
    type_name: str
    id: str
    version: int
    updated: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Author:
    """Who asked for a transaction, for the record."""

    who: str
    request_id: str
