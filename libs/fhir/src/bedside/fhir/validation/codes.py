"""Codes from the value sets that an element must use: https://hl7.org/fhir/R4/terminologies.html#required."""

import re
from collections.abc import Callable
from typing import Any

from bedside.fhir.definitions import definitions
from bedside.fhir.validation.currencies import CURRENCIES
from bedside.fhir.validation.primitives import PRIMITIVES
from bedside.fhir.validation.problem import Check, Found, Scope, wrong

# Past this many, the caller is better served by the value set's page.
CODES_TOLD_MAX = 16

_WORD = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"
# What CapabilityStatement.format says instead of a MIME type, in the very definitions of R4.
_FORMATS = frozenset({"xml", "json", "ttl"})
_is_mime_type = re.compile(rf"{_WORD}/{_WORD}(?: ?; ?{_WORD}=(?:{_WORD}|\"[^\"\\]*\"))*", re.ASCII).fullmatch


def required_code(value_set: str) -> Check:
    """The check of a `code` element; one whose value set cannot be listed is checked by its form."""
    form = PRIMITIVES["code"]
    holds, refusal = _membership(value_set)

    def check(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
        if value.__class__ is str and holds(value):
            return None
        return form(value, holder, scope) or refusal

    return check


def _membership(value_set: str) -> tuple[Callable[[str], object], tuple[Any, ...]]:
    known = definitions()
    if known.is_listed(value_set):
        codes = known.codes(value_set)
        return codes.__contains__, wrong("code-invalid", f"must be {_listing(codes, value_set)}")
    if value_set.endswith("/mimetypes"):
        return lambda code: code in _FORMATS or _is_mime_type(code), wrong(
            "code-invalid", "must be a MIME type, as text/plain"
        )
    if value_set.endswith("/currencies"):
        return CURRENCIES.__contains__, wrong("code-invalid", "must be a currency of ISO 4217, as EUR")
    # UCUM is a grammar, and a LOINC answer list is not part of R4: any code may be right.
    return bool, ()


def required_concept(value_set: str, concept: Check) -> Check:
    """The check of a `CodeableConcept` element: one of its codings must be of the value set."""
    known = definitions()
    if not known.is_listed(value_set):
        return concept
    codings = known.codings(value_set)
    refusal = wrong("code-invalid", f"must have a coding that is {_listing(known.codes(value_set), value_set)}")

    def check(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
        found = concept(value, holder, scope)
        if found is not None:
            return found
        listed = value.get("coding", ())
        if any((coding.get("system"), coding.get("code")) in codings for coding in listed):
            return None
        # An extension may say why there is no code, as data-absent-reason does.
        return None if not listed and "extension" in value else refusal

    return check


def required_coding(value_set: str, coding: Check) -> Check:
    """The check of a `Coding` element."""
    known = definitions()
    if not known.is_listed(value_set):
        return coding
    codings = known.codings(value_set)
    refusal = wrong("code-invalid", f"must be {_listing(known.codes(value_set), value_set)}, with its system")

    def check(value: Any, holder: dict[str, Any], scope: Scope) -> Found:
        found = coding(value, holder, scope)
        if found is not None or (value.get("system"), value.get("code")) in codings:
            return found
        return None if "code" not in value and "extension" in value else refusal

    return check


def _listing(codes: frozenset[str], value_set: str) -> str:
    if len(codes) > CODES_TOLD_MAX:
        return f"a code of {value_set}"
    return "one of " + ", ".join(sorted(codes))
