"""What a view needs, said in its signature; and what it is given: the records, or that there are none to be had."""

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Loaded(Generic[T]):
    """`complete` is false when a page or a record is missing: what is here is true, what is not here is not known."""

    items: list[T]
    complete: bool = True
    problem: str | None = None


@dataclass(frozen=True)
class Unavailable:
    """Nothing could be loaded, and `problem` says why in one word: never to be shown as empty."""

    problem: str


Source: TypeAlias = Loaded[T] | Unavailable


def whole(*sources: Loaded[T] | Unavailable) -> bool:
    """Whether all of them were loaded to the end."""
    return all(isinstance(source, Loaded) and source.complete for source in sources)


@dataclass(frozen=True)
class Found:
    """How the records of a source are searched: parameter and value, `{id}` being the patient's."""

    parameter: str
    value: str


@dataclass(frozen=True)
class Safety:
    """Asked a second time when the answer is late: what must not be missing is worth two questions."""


@dataclass(frozen=True)
class Masked:
    """Labelled records stay, and the view shows no more than that they are there."""


@dataclass(frozen=True)
class Sections:
    """The sections of the result that live on this source; without it, the one that is called like it."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class ReferringTo:
    """The types that are looked up when loaded records refer to them."""

    type_names: tuple[str, ...]


by_patient = Found("patient", "Patient/{id}")
safety = Safety()
masked = Masked()


def category(code: str) -> Found:
    return Found("category", code)


def sections(*names: str) -> Sections:
    return Sections(names)


def referring_to(*type_names: str) -> ReferringTo:
    return ReferringTo(type_names)
