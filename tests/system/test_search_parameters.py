"""Every search parameter that R4 defines for a type we own finds a resource that has it, or is refused and says why.

The resources are made from the definitions: one for each branch of each parameter's expression.
"""

import re
from collections.abc import AsyncIterator, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bedside.encounters.service import service as encounters
from bedside.fhir.definitions import Element, TypeChoice, definitions
from bedside.fhir.outcome import Refused
from bedside.fhir.search.expressions import branches, branches_for
from bedside.fhir.search.parameters import Parameter, parameters
from bedside.fhir.search.query import parse
from bedside.fhir.search.testing import Shelf, shelf
from bedside.patients.service import service as patients

OWNED = sorted(patients.types | encounters.types)
REFUSED = {
    "age": "changes from day to day; birthdate does not",
    "_query": "there are no named queries",
    "_filter": "criteria are written as parameters",
}
UCUM = "http://unitsofmeasure.org"
QUANTITY = {"value": 5, "unit": "mg", "system": UCUM, "code": "mg"}
VALUES: dict[str, Any] = {
    "code": "sample",
    "string": "Sample",
    "markdown": "Sample",
    "id": "sample",
    "resource-id": "sample",
    "xhtml": "<div>Sample</div>",
    "uri": "http://x.org/u",
    "url": "http://x.org/u",
    "oid": "urn:oid:1.2",
    "canonical": "http://x.org/u",
    "boolean": True,
    "CodeableConcept": {"coding": [{"system": "urn:s", "code": "sample", "display": "Sample"}]},
    "Coding": {"system": "urn:s", "code": "sample", "display": "Sample"},
    "Identifier": {"system": "urn:s", "value": "sample"},
    "ContactPoint": {"system": "phone", "value": "sample"},
    "HumanName": {"family": "Sample"},
    "Address": {"city": "Sample", "country": "Sample", "state": "Sample", "postalCode": "Sample", "use": "sample"},
    "date": "2020-05-17",
    "dateTime": "2020-05-17",
    "instant": "2020-05-17T10:00:00Z",
    "Period": {"start": "2020-05-17", "end": "2020-05-17"},
    "Timing": {"event": ["2020-05-17"]},
    "Quantity": QUANTITY,
    "Age": QUANTITY,
    "Duration": QUANTITY,
    "Money": {"value": 5, "currency": "EUR"},
    "Range": {"low": QUANTITY, "high": QUANTITY},
    "SampledData": {"origin": QUANTITY, "lowerLimit": 5, "upperLimit": 5},
    "decimal": 5,
    "integer": 5,
    "positiveInt": 5,
    "unsignedInt": 5,
}
ASKED = {
    "token": "sample",
    "string": "sam",
    "phonetic": "sampel",
    "date": "2020-05-17",
    "uri": "http://x.org/u",
    "quantity": "5",
    "number": "5",
    "near": "50|10|1|km",
    "words": "sample",
    "composite": "",
    "reference": "",
}
# Of a choice, what a parameter of this kind can find.
FINDABLE = {
    "date": ("dateTime", "date", "Period", "instant", "Timing"),
    "token": ("CodeableConcept", "Coding", "boolean", "code", "Identifier", "string"),
    "reference": ("Reference", "canonical", "uri"),
    "quantity": ("Quantity", "Range", "Age", "Duration", "Money"),
    "string": ("string", "Address", "HumanName"),
    "phonetic": ("HumanName", "string"),
    "uri": ("uri", "url", "canonical"),
    "number": ("integer", "decimal", "positiveInt", "unsignedInt", "Range"),
}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    async with shelf(request.param, tmp_path) as empty:
        yield empty


def every() -> Iterator[tuple[str, str]]:
    for type_name in OWNED:
        for code in definitions().search_parameters(type_name):
            yield type_name, code


def test_every_parameter_of_r4_is_indexed_or_named_as_refused() -> None:
    unknown = [(type_name, code) for type_name, code in every() if code not in parameters(type_name)]
    assert {code for _, code in unknown} == REFUSED.keys()
    assert len(list(every())) > 1500


@pytest.mark.parametrize("code", sorted(REFUSED))
def test_a_refused_parameter_is_refused_as_not_supported(code: str) -> None:
    with pytest.raises(Refused) as refused:
        parse("Patient", [(code, "1")])
    assert (refused.value.status, refused.value.issues[0].code) == (400, "not-supported")


@pytest.mark.slow
async def test_every_parameter_finds_a_resource_that_has_it_by_each_branch_of_its_expression(on: Shelf) -> None:
    examples = list(_examples())
    await on.put(*(resource for _, _, resource in examples))
    lost = []
    for parameter, asked, resource in examples:
        address = f"{parameter.type_name}?{parameter.code}={quote(asked)}&_id={resource['id']}"
        if await on.found(address) != [resource["id"]]:
            lost.append(address)
        absent = f"{parameter.type_name}?{parameter.code}:missing=true&_id={resource['id']}"
        if await on.found(absent) != []:
            lost.append(absent)
    assert lost == []
    assert len(examples) > 1300


@pytest.mark.slow
async def test_no_parameter_finds_a_resource_that_has_nothing(on: Shelf) -> None:
    await on.put(*({"resourceType": type_name, "id": "bare"} for type_name in OWNED))
    found = []
    for type_name in OWNED:
        for parameter in parameters(type_name).values():
            # A patient who is not said to have died, or to be a twin, is said to be neither.
            if parameter.code in ("_id", "_lastUpdated"):
                continue
            asked = ASKED[parameter.kind] or "Patient/sample"
            if parameter.kind != "composite" and await on.found(f"{type_name}?{parameter.code}={quote(asked)}"):
                found.append(f"{type_name}?{parameter.code}")
    assert found == []


# --- an example of each parameter ---------------------------------------------------------------------------------


def _examples() -> Iterator[tuple[Parameter, str, dict[str, Any]]]:
    """The parameter, what to ask it for, and a resource that must be found."""
    for type_name in OWNED:
        for parameter in parameters(type_name).values():
            for place, branch in enumerate(branches_for(type_name, parameter.expression) or ("",)):
                id = f"{parameter.code.replace('_', 'any-')}-{place}"
                asked, elements = _example(parameter, branch)
                if parameter.code == "_id":
                    asked = id
                elif parameter.code == "_lastUpdated":
                    asked = "2023-11-14"
                yield parameter, asked, {**elements, "resourceType": type_name, "id": id}


def _example(parameter: Parameter, branch: str) -> tuple[str, dict[str, Any]]:
    if parameter.kind == "words":
        div = '<div xmlns="http://www.w3.org/1999/xhtml">A sample</div>'
        text = {"text": {"status": "generated", "div": div}}
        return "sample", text if parameter.type_name != "Binary" else {"securityContext": {"display": "A sample"}}
    if parameter.kind == "near":
        return ASKED["near"], {"position": {"latitude": 50, "longitude": 10}}
    if parameter.kind == "composite":
        return _composite(parameter, branch)
    if found := re.match(r"\w+\.(\w+)\.exists\(\)", branch):
        return "true", {f"{found[1]}Boolean": True}
    asked, value = _value(parameter.type_name, _steps(branch)[1:], parameter.kind)
    return asked, value


def _composite(parameter: Parameter, branch: str) -> tuple[str, dict[str, Any]]:
    path = branch.split(".")
    asked, element = [], dict[str, Any]()
    within = ".".join(path)
    type_name = within if within in definitions().type_names else _types_of(path)[-1]
    for part in parameter.components:
        said, value = _value(type_name, _steps(branches(part.expression)[0]), part.kind)
        asked.append(said)
        element |= value
    for name in reversed(path[1:]):
        element = {name: [element]}
    return "$".join(asked), element


def _types_of(path: list[str]) -> list[str]:
    return [path[0], *(choice.code for choice in definitions().type(path[0]).elements[path[1]].types)]


def _steps(branch: str) -> list[str]:
    branch = re.sub(r"^\(([\w.]+) as (\w+)\)", r"\1.as(\2)", branch)
    return re.findall(r"\w+(?:\((?:[^()']|'[^']*'|\((?:[^()']|'[^']*')*\))*\))?(?:\[\d+\])?", branch)


def _value(type_name: str, steps: list[str], kind: str, wanted: str | None = None) -> tuple[str, dict[str, Any]]:
    """What to ask for, and the elements, nested, in which it stands."""
    name, *rest = steps
    typed = re.fullmatch(r"(?:as|ofType)\((\w+)\)", rest[0]) if rest else None
    only, rest = (typed[1], rest[1:]) if typed else (None, rest)
    if found := re.fullmatch(r"extension\('(.*)'\)", name):
        kinds = {"token": "CodeableConcept", "string": "string", "reference": "Reference", "date": "dateTime"}
        asked, value = _leaf(TypeChoice(kinds[kind]), kind, None)
        return asked, {"extension": [{"url": found[1], f"value{kinds[kind][0].upper()}{kinds[kind][1:]}": value}]}
    name = name.partition("[")[0]
    element = _element(type_name, name)
    json_name, choice = _chosen(element, kind, only)
    filters = list(takewhile(lambda step: step.startswith("where("), rest))
    rest = rest[len(filters) :]
    if rest:
        asked, value = _value(choice.code, rest, kind)
    else:
        asked, value = _leaf(choice, kind, next(iter(re.findall(r"resolve\(\) is (\w+)", "".join(filters))), None))
    for element_name, told in re.findall(r"where\((\w+) ?= ?'([^']*)'\)", "".join(filters)):
        value = {**value, element_name: told}
    for url in re.findall(r"hasExtension\('([^']*)'\)", "".join(filters)):
        value = {**value, "extension": [{"url": url, "valueBoolean": True}]}
    return asked, {json_name: [value] if element.repeats else value}


def _element(type_name: str, name: str) -> Element:
    elements = definitions().type(type_name).elements
    return elements[name] if name in elements else elements[f"{name}[x]"]


def _chosen(element: Element, kind: str, only: str | None) -> tuple[str, TypeChoice]:
    choices = list(element.json_names())
    if only is not None:
        return next((name, choice) for name, choice in choices if choice.code.lower() == only.lower())
    able = [each for code in FINDABLE.get(kind, ()) for each in choices if each[1].code == code]
    return (able or choices)[0]


def _leaf(choice: TypeChoice, kind: str, target: str | None) -> tuple[str, Any]:
    if choice.code == "Reference":
        target = target or next((each for each in choice.targets if each != "Resource"), "Patient")
        return f"{target}/sample", {"reference": f"{target}/sample"}
    value = VALUES[choice.code]
    if kind == "token" and value is True:
        return "true", value
    if kind in ("token", "reference") and isinstance(value, str):
        return value, value
    if kind == "date" and choice.code == "instant":
        return "2020-05-17", value
    return ASKED[kind], value
