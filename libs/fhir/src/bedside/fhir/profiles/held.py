"""The table of profiles: trees of what each demands beyond R4, made by `tools/build_profiles.py`."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, NamedTuple

import orjson

_NOTHING: Mapping[str, Any] = {}


class Discriminator(NamedTuple):
    """How the slices of a list are told apart. `path` is relative to an item; `$this` is the item itself."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Node:
    """What is demanded of one element, or of one slice of it.

    `name` is as in the definitions (`value[x]`). `max` None is as many as R4 allows; `types` empty is any that R4
    allows; `targets` are the resource types that a reference may point to, `profile` the one an extension must meet.
    """

    name: str
    min: int
    max: int | None
    fixed: Any
    pattern: Any
    value_set: str | None
    types: tuple[str, ...]
    targets: tuple[str, ...]
    profile: str | None
    discriminators: tuple[Discriminator, ...]
    is_closed: bool
    children: tuple["Node", ...]
    slices: tuple[tuple[str, "Node"], ...]

    @classmethod
    def of(cls, name: str, told: Mapping[str, Any]) -> "Node":
        """From the generated table."""
        return cls(
            name=name,
            min=told.get("min", 0),
            max=told.get("max"),
            fixed=told.get("fixed"),
            pattern=told.get("pattern"),
            value_set=told.get("valueSet"),
            types=tuple(told.get("types", ())),
            targets=tuple(told.get("targets", ())),
            profile=told.get("profile"),
            discriminators=tuple(Discriminator(kind, path) for kind, path in told.get("discriminators", ())),
            is_closed=told.get("closed", False),
            children=tuple(cls.of(each, inner) for each, inner in told.get("children", _NOTHING).items()),
            slices=tuple((each, cls.of(name, inner)) for each, inner in told.get("slices", _NOTHING).items()),
        )

    def child(self, name: str) -> "Node | None":
        return next((each for each in self.children if each.name.removesuffix("[x]") == name), None)


@dataclass(frozen=True, slots=True)
class Profile:
    """`invariants` are the keys of its own rules in FHIRPath."""

    url: str
    name: str
    type_name: str
    invariants: tuple[str, ...]
    root: Node


class Held:
    """Every profile of every table."""

    def __init__(self) -> None:
        self._profiles: dict[str, Profile] = {}

    def profile(self, url: str) -> Profile | None:
        """None when we do not hold it. `url` may carry a version, `…|6.1.0`: we hold one version of each."""
        plain = url.partition("|")[0]
        told = self._tables["profiles"].get(plain)
        if told is None:
            return None
        known = self._profiles.get(plain)
        if known is None:
            invariants = tuple(told.get("invariants", ()))
            root = Node.of(told["type"], told["root"])
            known = self._profiles[plain] = Profile(plain, told["name"], told["type"], invariants, root)
        return known

    @cached_property
    def by_type(self) -> Mapping[str, tuple[str, ...]]:
        """The urls of the profiles of each resource type, sorted."""
        urls: dict[str, list[str]] = {}
        for url, told in sorted(self._tables["profiles"].items()):
            urls.setdefault(told["type"], []).append(url)
        return {type_name: tuple(each) for type_name, each in urls.items()}

    def codings(self, value_set: str) -> frozenset[tuple[str, str]] | None:
        """(system, code) of each member; None when the value set cannot be listed."""
        codes = self._tables["codes"].get(value_set)
        if codes is None:
            return None
        return frozenset((system, code) for system, each in codes.items() for code in each)

    @cached_property
    def _tables(self) -> dict[str, dict[str, Any]]:
        merged: dict[str, dict[str, Any]] = {"profiles": {}, "codes": {}}
        folder = files("bedside.fhir.profiles").joinpath("generated")
        for packed in sorted(folder.iterdir(), key=lambda each: each.name):
            table = orjson.loads(gzip.decompress(packed.read_bytes()))
            merged["profiles"] |= table["profiles"]
            merged["codes"] |= table["codes"]
        return merged


@cache
def held() -> Held:
    """The one instance: it never changes."""
    return Held()
