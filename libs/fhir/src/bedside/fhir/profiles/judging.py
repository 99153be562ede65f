"""Whether a valid resource meets a profile: cardinality, fixed and pattern values, codes, types, slices, extensions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from bedside.fhir.outcome import Issue
from bedside.fhir.profiles.held import Node, Profile, held
from bedside.fhir.profiles.slicing import belonging
from bedside.fhir.profiles.values import Value, holds, is_coded_by, target_type, values


@dataclass(slots=True)
class Judgement:
    """`issues` are what is wrong; `unjudged` says what of the profile was not looked at, and why."""

    issues: list[Issue] = field(default_factory=list)
    unjudged: dict[str, None] = field(default_factory=dict)

    def notes(self, profile: Profile) -> list[Issue]:
        """What was not judged, for the reader of an outcome."""
        return [
            Issue("incomplete", f"{profile.name}: not judged here: {each}", severity="information")
            for each in self.unjudged
        ]


def declared(resource: dict[str, Any]) -> list[str]:
    """The profiles that a valid resource says it meets: `meta.profile`."""
    return [each for each in resource.get("meta", {}).get("profile", ()) if each]


def judged(resource: dict[str, Any], profile: Profile, at: str) -> Judgement:
    """Of a resource that is valid R4, standing at `at`. One of another type than the profile's fails at once."""
    judgement = Judgement()
    if resource["resourceType"] != profile.type_name:
        judgement.issues.append(Issue("invalid", f"{profile.name} is a profile of {profile.type_name}", at))
        return judgement
    _Judge(profile, judgement).content(profile.root, resource, at)
    if profile.invariants:
        judgement.unjudged[f"the rules {', '.join(profile.invariants)}"] = None
    return judgement


class _Judge:
    """One profile over one resource. An extension's own profile is judged by another of the same judgement."""

    def __init__(self, profile: Profile, judgement: Judgement) -> None:
        self._profile = profile
        self._judgement = judgement

    def content(self, node: Node, holder: Any, at: str) -> None:
        """The elements of one object."""
        if not isinstance(holder, dict):
            return
        for child in node.children:
            found = values(holder, child.name)
            self._count(child, len(found), f"{at}.{child.name.removesuffix('[x]')}")
            for value in found:
                self._value(child, value, f"{at}.{value.place}")
            self._slices(child, found, at)

    def _count(self, node: Node, count: int, at: str, slice_name: str = "") -> None:
        of_slice = f" of the slice {slice_name}" if slice_name else ""
        if count < node.min:
            self._wrong("required", f"needs at least {node.min}{of_slice}", at)
        if node.max is not None and count > node.max:
            self._wrong("structure", f"has at most {node.max}{of_slice}", at)

    def _value(self, node: Node, value: Value, at: str) -> None:
        if value.content is None:
            return
        for code, text in self._breaches(node, value):
            self._wrong(code, text, at)
        if node.profile is not None:
            self._extension(node.profile, value.content, at)
        self.content(node, value.content, at)

    def _breaches(self, node: Node, value: Value) -> Iterator[tuple[str, str]]:
        if node.types and value.type_code and value.type_code not in node.types:
            yield "structure", f"must be of type {' or '.join(node.types)}"
        if node.fixed is not None and value.content != node.fixed:
            yield "value", f"must be {_shown(node.fixed)}"
        if node.pattern is not None and not holds(node.pattern, value.content):
            yield "value", f"must have {_shown(node.pattern)}"
        if node.targets and (target := target_type(value.content)) is not None and target not in node.targets:
            yield "value", f"must refer to {' or '.join(node.targets)}"
        if node.value_set is not None:
            yield from self._coded(node.value_set, value.content)

    def _coded(self, value_set: str, content: Any) -> Iterator[tuple[str, str]]:
        codings = held().codings(value_set)
        if codings is None:
            self._judgement.unjudged[f"codes of {value_set}, which cannot be listed here"] = None
        elif not is_coded_by(content, codings):
            yield "code-invalid", f"must have a code of {value_set}"

    def _extension(self, url: str, extension: Any, at: str) -> None:
        profile = held().profile(url)
        if profile is None:
            self._judgement.unjudged[f"the extension {url}, which is not held here"] = None
        else:
            _Judge(profile, self._judgement).content(profile.root, extension, at)

    def _slices(self, node: Node, found: Sequence[Value], at: str) -> None:
        sliced: set[str] = set()
        for name, slice_node in node.slices:
            belongs = belonging(node, slice_node)
            if belongs is None:
                self._judgement.unjudged[f"the slice {name} of {node.name}"] = None
                sliced.update(value.place for value in found)
                continue
            mine = [value for value in found if belongs(value)]
            sliced.update(value.place for value in mine)
            self._count(slice_node, len(mine), f"{at}.{node.name.removesuffix('[x]')}", name)
            for value in mine:
                self._value(slice_node, value, f"{at}.{value.place}")
        if node.is_closed:
            for value in found:
                if value.place not in sliced:
                    self._wrong("structure", "belongs to none of the slices allowed here", f"{at}.{value.place}")

    def _wrong(self, code: str, text: str, at: str) -> None:
        self._judgement.issues.append(Issue(code, f"{self._profile.name}: {text}", at))


def _shown(demanded: Any) -> str:
    """The profile's own value, in few words; never the resource's."""
    if isinstance(demanded, dict) and "coding" in demanded:
        return " and ".join(_shown(each) for each in demanded["coding"])
    if isinstance(demanded, dict):
        return "|".join(str(demanded[name]) for name in ("system", "code", "value") if name in demanded) or "its value"
    return str(demanded)
