"""What can be searched by, as SearchParameter resources tell it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a composite parameter; `expression` starts from what the composite's expression finds."""

    code: str
    url: str
    expression: str


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """`type` is number, date, string, token, reference, composite, quantity, uri or special.

    `expression` is the FHIRPath of all the types that share the parameter; None where R4 gives none (`_text`).
    `targets` are type names, of reference parameters only.
    """

    code: str
    type: str
    expression: str | None
    targets: tuple[str, ...]
    components: tuple[Component, ...]
    url: str
