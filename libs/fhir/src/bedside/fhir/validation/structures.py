"""The check of a type, compiled once from its elements: https://hl7.org/fhir/R4/json.html."""

import re
from collections.abc import Sequence
from contextlib import suppress
from threading import RLock
from typing import Any

from bedside.fhir.definitions import Element, Structure, TypeChoice, definitions
from bedside.fhir.validation.codes import required_code, required_coding, required_concept
from bedside.fhir.validation.invariants import CHECKED_WITH_THEIR_ELEMENT, INVARIANTS, Invariant
from bedside.fhir.validation.narrative import check_narrative
from bedside.fhir.validation.primitives import PRIMITIVES, WITHOUT_EXTENSIONS
from bedside.fhir.validation.problem import PROBLEMS_MAX, Check, Found, Problem, Scope, under, wrong
from bedside.fhir.validation.references import reference_check
from bedside.fhir.validation.repeats import each_of, each_primitive_of, extension_of, extensions_of

_NOT_OBJECT = wrong("structure", "must be an object")
_EMPTY_OBJECT = wrong("structure", "must not be an empty object")
# A property's name is told only when it could be an element's: other names may be anything, even a patient's.
_is_element_name = re.compile(r"_?[a-zA-Z][A-Za-z0-9_]{0,63}", re.ASCII).fullmatch


class Compiler:
    """Checks by type, each made when it is first wanted.

    `resource` checks any resource that stands for itself inside another, `contained` one that does not.
    """

    def __init__(self, *, resource: Check, contained: Check) -> None:
        self._resource = resource
        self._contained = contained
        self._finished: dict[str, Check] = {}
        self._unfinished: dict[str, Check] = {}
        self._lock = RLock()

    def structure(self, name: str) -> Check:
        """The check of a type that has elements. Its closures are seen by others only when all are complete."""
        check = self._finished.get(name)
        if check is not None:
            return check
        with self._lock:
            is_outermost = not self._unfinished
            try:
                check = self._compile(name)
                if is_outermost:
                    self._finished.update(self._unfinished)
            finally:
                if is_outermost:
                    self._unfinished = {}
        return check

    def _compile(self, name: str) -> Check:
        known = self._finished.get(name) or self._unfinished.get(name)
        if known is not None:
            return known
        structure = definitions().type(name)
        fields: dict[str, Check] = {}
        # Types refer to themselves (Extension.extension): the check exists before its fields do.
        check = self._unfinished[name] = _object_check(structure, fields)
        if structure.kind == "resource":
            fields["resourceType"] = _accept
        for element in structure.elements.values():
            for json_name, choice in element.json_names():
                self._add(fields, json_name, element, choice, structure)
        return check

    def _add(
        self, fields: dict[str, Check], name: str, element: Element, choice: TypeChoice, structure: Structure
    ) -> None:
        # The snapshots repeat a type's own invariants on the elements that have the type.
        own = frozenset(definitions().type(choice.code).invariants if choice.code in definitions().type_names else ())
        broken_on = _invariants([key for key in element.invariants if key not in own])
        if choice.code in PRIMITIVES:
            check = _held(self._primitive(choice, element), broken_on)
            fields[name] = each_primitive_of(name, check) if element.repeats else check
            if choice.code not in WITHOUT_EXTENSIONS:
                beside = self._compile("Element")
                fields[f"_{name}"] = extensions_of(name, beside) if element.repeats else extension_of(beside)
            return
        check = _held(self._complex(choice, element), broken_on)
        fields[name] = each_of(check) if element.repeats else check

    def _primitive(self, choice: TypeChoice, element: Element) -> Check:
        binding = element.binding
        if choice.code == "code" and binding is not None and binding.strength == "required":
            return required_code(binding.value_set)
        return PRIMITIVES[choice.code]

    def _complex(self, choice: TypeChoice, element: Element) -> Check:
        binding = element.binding if element.binding and element.binding.strength == "required" else None
        match choice.code:
            case "xhtml":
                return check_narrative
            case "Resource":
                return self._contained if element.name == "contained" else self._resource
            case "Reference":
                return reference_check(choice.targets, self._compile("Reference"))
            case "CodeableConcept" if binding is not None:
                return required_concept(binding.value_set, self._compile("CodeableConcept"))
            case "Coding" if binding is not None:
                return required_coding(binding.value_set, self._compile("Coding"))
        return self._compile(choice.profile or choice.code)


def _object_check(structure: Structure, fields: dict[str, Check]) -> Check:
    lookup = fields.get
    singles = [element for element in structure.elements.values() if not element.name.endswith("[x]")]
    required = frozenset(element.name for element in singles if element.required)
    choices = [_Choice(element) for element in structure.elements.values() if element.name.endswith("[x]")]
    invariants = _invariants(structure.invariants)
    # A backbone's path is told by where it stands; a data type by its name.
    owner = structure.name

    def check(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
        if value.__class__ is not dict:
            return _NOT_OBJECT
        if not value:
            return _EMPTY_OBJECT
        problems: Found = None
        for name, part in value.items():
            check_part = lookup(name)
            found = check_part(part, value, scope) if check_part is not None else _unknown(name, owner)
            if found is not None:
                problems = (*(problems or ()), *(under(_step(name, choices), found) if check_part else found))
                if len(problems) > PROBLEMS_MAX:
                    return problems
        if not value.keys() >= required:
            problems = _joined(problems, [_missing(name) for name in sorted(required) if not _has(value, name)])
        for choice in choices:
            if not choice.least <= len(value.keys() & choice.names) <= 1:
                problems = _joined(problems, choice.problems(value))
        if invariants:
            problems = _broken(problems, invariants, value)
        return problems

    return check


class _Choice:
    """An element `value[x]`: one type at most, and one at least when it is required."""

    def __init__(self, element: Element) -> None:
        self.stem = element.name.removesuffix("[x]")
        self.values = frozenset(name for name, _ in element.json_names())
        self.names = self.values | {f"_{name}" for name in self.values}
        self.least = 1 if element.required else 0

    def problems(self, value: dict[str, Any]) -> list[Problem]:
        # `_valueString` beside `valueString` is no second type.
        present = {name.removeprefix("_") for name in value.keys() & self.names}
        if len(present) > 1:
            return [Problem(self.stem, "structure", "must be of one type only")]
        return [_missing(self.stem)] if self.least and not present else []


def _held(check: Check, invariants: Sequence[tuple[Invariant, str]]) -> Check:
    if not invariants:
        return check

    def with_invariants(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
        return _broken(check(value, holder, scope), invariants, value)

    return with_invariants


def _invariants(keys: Sequence[str]) -> list[tuple[Invariant, str]]:
    return [
        (INVARIANTS[key], f"{key.rpartition('.')[2]}: {definitions().invariant_text(key)}")
        for key in keys
        if key in INVARIANTS and key not in CHECKED_WITH_THEIR_ELEMENT
    ]


def _broken(problems: Found, invariants: Sequence[tuple[Invariant, str]], value: Any) -> Found:
    for places, text in invariants:
        if problems is None:
            broken = places(value)
        else:
            # The structure is known to be wrong, so an invariant may stumble; what it could not judge is told already.
            broken = ()
            with suppress(TypeError, AttributeError, ValueError, KeyError, IndexError, ArithmeticError):
                broken = places(value)
        if broken:
            problems = _joined(problems, [Problem(place, "invariant", text) for place in broken])
    return problems


def _joined(problems: Found, more: Sequence[Problem]) -> Found:
    return (*(problems or ()), *more) or None


def _missing(name: str) -> Problem:
    return Problem(name, "required", "is required")


def _has(value: dict[str, Any], name: str) -> bool:
    # An extension may say why a required value is absent.
    return name in value or f"_{name}" in value


def _unknown(name: str, owner: str) -> tuple[Problem, ...]:
    return (Problem(name if _is_element_name(name) else "", "structure", f"is not an element of {owner}"),)


def _step(name: str, choices: Sequence[_Choice]) -> str:
    name = name.removeprefix("_")
    # FHIRPath knows Observation.value, whatever its type.
    return next((choice.stem for choice in choices if name in choice.values), name)


def _accept(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
    return None
