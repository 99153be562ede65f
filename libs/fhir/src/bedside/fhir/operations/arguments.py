"""What an operation was given, checked against what it takes."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bedside.fhir.definitions import definitions
from bedside.fhir.operations.operation import Operation, Parameter
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.spelling import shown
from bedside.fhir.validation import validate
from bedside.fhir.validation.primitives import PRIMITIVES

Pair = tuple[str, str]
ARGUMENTS_MAX = 1000
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
_PLACE = re.compile(r"Parameters\.parameter\[([0-9]+)\]", re.ASCII)
_WHOLE_NUMBERS = ("integer", "positiveInt", "unsignedInt")


@dataclass(frozen=True, slots=True)
class Arguments:
    """Values are as JSON has them. `criteria` are the pairs of a search, where the operation takes one."""

    values: Mapping[str, tuple[Any, ...]]
    criteria: tuple[Pair, ...] = ()

    def all(self, name: str) -> tuple[Any, ...]:
        """In the order given; empty when there is none."""
        return self.values.get(name, ())

    def text(self, name: str) -> str | None:
        """Of a string, code, uri, date and the like."""
        value = self._one(name)
        assert value is None or isinstance(value, str), f"{name} is not declared as text"
        return value

    def number(self, name: str) -> int | None:
        value = self._one(name)
        assert value is None or isinstance(value, int), f"{name} is not declared as a whole number"
        return value

    def flag(self, name: str) -> bool | None:
        value = self._one(name)
        assert value is None or isinstance(value, bool), f"{name} is not declared as a boolean"
        return value

    def object(self, name: str) -> dict[str, Any] | None:
        """Of a data type or a resource."""
        value = self._one(name)
        assert value is None or isinstance(value, dict), f"{name} is not declared as an object"
        return value

    def _one(self, name: str) -> Any:
        found = self.values.get(name, ())
        return found[0] if found else None


def arguments_of(operation: Operation, pairs: Sequence[Pair], sent: dict[str, Any] | None) -> Arguments:
    """From the query and the body. Refused (400) with every problem at once, each naming its parameter."""
    reading = _Reading(operation)
    for name, value in pairs:
        reading.take_pair(name, value)
    if sent is not None:
        reading.take_body(sent)
    return reading.arguments()


class _Reading:
    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._declared = {parameter.name: parameter for parameter in operation.parameters}
        self._values: dict[str, list[Any]] = {}
        self._criteria: list[Pair] = []
        self._refused: set[str] = set()
        self._wrong: list[Issue] = []

    def take_pair(self, name: str, value: str) -> None:
        declared = self._declared.get(name)
        if declared is None:
            self._take_criterion(name, value)
        elif declared.type_name not in PRIMITIVES:
            self._refuse(name, f"is of type {declared.type_name}: send it in a Parameters resource by POST")
        else:
            self._take(declared, _of_text(declared.type_name, value))

    def take_body(self, sent: dict[str, Any]) -> None:
        if sent.get("resourceType") == "Parameters":
            self._take_parameters(sent)
            return
        resources = [each for each in self._operation.parameters if _is_resource(each.type_name)]
        if len(resources) != 1:
            raise Refused(400, [Issue("invalid", "send a Parameters resource", "resourceType")])
        self._take_resource(resources[0], sent, None)

    def _take_parameters(self, sent: dict[str, Any]) -> None:
        given = list(_given(sent))
        for place, parameter in enumerate(given):
            name, at = parameter.get("name"), f"Parameters.parameter[{place}]"
            declared = self._declared.get(name) if isinstance(name, str) else None
            if declared is not None and _is_resource(declared.type_name):
                self._take_resource(declared, parameter.get("resource"), at)
            elif isinstance(name, str):
                self._take_value(name, declared, parameter, at)

    def _take_resource(self, declared: Parameter, resource: Any, at: str | None) -> None:
        type_name = resource.get("resourceType") if isinstance(resource, dict) else None
        if not isinstance(type_name, str):
            self._refuse(declared.name, "is a resource, with a resourceType", at)
        elif declared.type_name not in ("Resource", type_name):
            self._refuse(declared.name, f"is a resource of type {declared.type_name}", at)
        else:
            self._values.setdefault(declared.name, []).append(resource)

    def _take_value(self, name: str, declared: Parameter | None, parameter: dict[str, Any], at: str) -> None:
        key = next((key for key in parameter if key.startswith("value")), "")
        if declared is None and self._operation.takes_criteria and isinstance(parameter.get(key), str | bool | int):
            self._take_criterion(name, _as_text(parameter[key]), at)
        elif declared is None:
            self._take_criterion(name, None, at)
        elif key != _value_key(declared.type_name):
            self._refuse(name, f"is given as {_value_key(declared.type_name)}", at)
        else:
            self._take(declared, parameter[key], at)

    def _take_criterion(self, name: str, value: str | None, at: str | None = None) -> None:
        if self._operation.takes_criteria and value is not None:
            self._criteria.append((name, value))
            return
        known = ", ".join(self._declared) or "none"
        self._refuse(name, f"is not one of this operation, which has: {known}", at, code="not-supported")

    def _take(self, declared: Parameter, value: Any, at: str | None = None) -> None:
        check = PRIMITIVES.get(declared.type_name)
        problems = check(value, {}, {}) if check is not None else None
        if problems:
            self._refuse(declared.name, problems[0][2], at)
        else:
            self._values.setdefault(declared.name, []).append(value)

    def _refuse(self, name: str, why: str, at: str | None = None, *, code: str = "value") -> None:
        self._refused.add(name)
        self._wrong.append(Issue(code, f"Parameter {shown(name)} {why}", at))

    def arguments(self) -> Arguments:
        for name, declared in self._declared.items():
            count = len(self._values.get(name, ()))
            if count > 1 and not declared.repeats:
                self._refuse(name, "is given more than once")
            elif count > ARGUMENTS_MAX:
                self._refuse(name, f"is given more than {ARGUMENTS_MAX} times", code="too-costly")
            elif count == 0 and declared.required and name not in self._refused:
                self._refuse(name, "is needed", code="required")
        if self._wrong:
            raise Refused(400, self._wrong)
        return Arguments({name: tuple(values) for name, values in self._values.items()}, tuple(self._criteria))


def _given(sent: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The parameters. Refused when the resource is not valid, those in it aside: each operation judges what it gets."""
    parameters = sent.get("parameter", [])
    if not isinstance(parameters, list) or not all(isinstance(each, dict) for each in parameters):
        raise Refused(400, [Issue("structure", "parameter is an array of objects", "Parameters.parameter")])
    bare = [_without_resource(each) for each in parameters]
    problems = validate({**sent, "parameter": bare} if "parameter" in sent else sent)
    if errors := [_named(issue, parameters) for issue in problems if issue.severity in ("fatal", "error")]:
        raise Refused(400, errors)
    yield from parameters


def _without_resource(parameter: dict[str, Any]) -> dict[str, Any]:
    # A parameter has a value, a resource or parts: something has to stand where the resource stood.
    if "resource" not in parameter:
        return parameter
    return {name: part for name, part in parameter.items() if name != "resource"} | {"valueBoolean": True}


def _named(issue: Issue, parameters: Sequence[dict[str, Any]]) -> Issue:
    place = _PLACE.match(issue.at or "")
    name = parameters[int(place[1])].get("name") if place else None
    return replace(issue, text=f"Parameter {shown(name)} {issue.text}") if isinstance(name, str) else issue


def _is_resource(type_name: str) -> bool:
    return type_name == "Resource" or type_name in definitions().resource_type_set


def _value_key(type_name: str) -> str:
    return f"value{type_name[0].upper()}{type_name[1:]}"


def _of_text(type_name: str, text: str) -> Any:
    """As JSON would have it; what cannot be stays text, for the check to refuse."""
    if type_name == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if type_name in ("instant", "dateTime"):
        # A plus sign that was not escaped in the address arrives as a space.
        return text.replace(" ", "+")
    if type_name in _WHOLE_NUMBERS and _WHOLE_NUMBER.fullmatch(text):
        return int(text)
    return text


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
