"""Scopes as a person reads them, and the parts of them that can be allowed alone. Pure."""

import re
from dataclasses import dataclass

from bedside.identity.scopes import INTERACTIONS, Scopes

_OBSERVATION = "http://terminology.hl7.org/CodeSystem/observation-category"
_CONDITION = "http://terminology.hl7.org/CodeSystem/condition-category"
_US_CORE = "http://hl7.org/fhir/us/core/CodeSystem"

_TYPES = {
    "Patient": "name, birth date and contact details",
    "AllergyIntolerance": "allergies",
    "Condition": "diagnoses and problems",
    "Observation": "measurements and results",
    "MedicationRequest": "prescriptions",
    "MedicationStatement": "medicines taken",
    "MedicationAdministration": "medicines given",
    "MedicationDispense": "medicines handed out",
    "Immunization": "vaccinations",
    "Procedure": "procedures",
    "DiagnosticReport": "reports",
    "DocumentReference": "documents and letters",
    "Encounter": "visits and stays",
    "Appointment": "appointments",
    "CarePlan": "care plans",
    "CareTeam": "who cares for them",
    "Goal": "goals",
    "ServiceRequest": "orders and referrals",
    "Task": "tasks",
    "Communication": "messages",
    "QuestionnaireResponse": "answered questionnaires",
    "Coverage": "insurance",
    "RelatedPerson": "relatives and contacts",
    "Practitioner": "who works here",
    "AuditEvent": "who looked at the record",
}

# The categories that US Core asks servers to narrow by:
# https://hl7.org/fhir/us/core/STU6.1/scopes.html#scopes-for-requesting-granular-clinical-data
_KINDS = {
    "Observation": (
        (f"{_OBSERVATION}|vital-signs", "vital signs"),
        (f"{_OBSERVATION}|laboratory", "laboratory results"),
        (f"{_OBSERVATION}|social-history", "living habits, such as smoking"),
        (f"{_OBSERVATION}|survey", "results of questionnaires"),
        (f"{_US_CORE}/us-core-category|sdoh", "social circumstances"),
    ),
    "Condition": (
        (f"{_CONDITION}|problem-list-item", "the problem list"),
        (f"{_CONDITION}|encounter-diagnosis", "diagnoses of visits and stays"),
        (f"{_US_CORE}/condition-category|health-concern", "health concerns"),
    ),
    "DocumentReference": ((f"{_US_CORE}/us-core-documentreference-category|clinical-note", "clinical notes"),),
}
_WORDS = {
    "openid": "know that it is you",
    "profile": "know your name",
    "fhirUser": "know which person in the record you are",
    "launch": "know what is on your screen: the patient, the visit",
    "launch/patient": "know which patient this is about",
    "launch/encounter": "know which visit this is about",
    "online_access": "go on while you are signed in",
    "offline_access": "go on while you are away, for up to a year",
    "users.manage": "manage users",
    "clients.manage": "manage apps",
    "keys.manage": "manage signing keys",
    "sessions.manage": "end sessions",
    "audit.read": "read the access log",
}
_VERBS = {"c": "add", "u": "change", "d": "delete"}


@dataclass(frozen=True)
class Choice:
    """One scope to tick. `parts` are narrower ones, to be allowed instead of the whole."""

    scope: str
    words: str
    parts: tuple["Choice", ...] = ()


def choices(granted: Scopes, ceiling: Scopes) -> tuple[Choice, ...]:
    """In the order they were asked for. Of a wildcard, the parts are the types within `ceiling`."""
    return tuple(_choice(scope, ceiling) for scope in granted)


def in_words(scope: str) -> str:
    """`user/Observation.cu` → `add and change measurements and results`; what is not understood, as it is."""
    if scope in _WORDS:
        return _WORDS[scope]
    if not Scopes.parse(scope).contexts:
        return scope
    _, type_name, letters, query = _taken_apart(scope)
    return f"{_verbs(letters)} {_what(type_name, query)}"


def _choice(scope: str, ceiling: Scopes) -> Choice:
    if not Scopes.parse(scope).contexts:
        return Choice(scope, in_words(scope))
    context, type_name, letters, query = _taken_apart(scope)
    if type_name == "*":
        types = (f"{context}/{each}.{letters}{query}" for each in _TYPES)
        within = (str(Scopes.parse(each).intersect(Scopes.parse(scope)).intersect(ceiling)) for each in types)
        # What the role permits of a type may be several scopes (read everything, change some): then each is a part.
        return Choice(scope, in_words(scope), tuple(_choice(one, ceiling) for each in within for one in each.split()))
    if query:
        return Choice(scope, in_words(scope))
    narrower = (f"{context}/{type_name}.{letters}?category={category}" for category, _ in _KINDS.get(type_name, ()))
    return Choice(scope, in_words(scope), tuple(Choice(each, in_words(each)) for each in narrower))


def _taken_apart(scope: str) -> tuple[str, str, str, str]:
    """Context, type, letters of version 2, and the query with its question mark or nothing."""
    context, _, rest = scope.partition("/")
    spelled, mark, query = rest.partition("?")
    type_name = spelled.partition(".")[0]
    parsed = Scopes.parse(scope)
    letters = "".join(letter for letter in INTERACTIONS if parsed.constraints(letter, type_name))
    return context, type_name, letters, mark + query


def _verbs(letters: str) -> str:
    verbs = (["read"] if {"r", "s"} & set(letters) else []) + [_VERBS[each] for each in letters if each in _VERBS]
    return verbs[0] if len(verbs) == 1 else f"{', '.join(verbs[:-1])} and {verbs[-1]}"


def _what(type_name: str, query: str) -> str:
    kinds = dict(_KINDS.get(type_name, ()))
    name, _, value = query.removeprefix("?").partition("=")
    if name == "category" and value in kinds:
        return kinds[value]
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type_name).lower()
    what = "everything" if type_name == "*" else _TYPES.get(type_name, spaced)
    return f"{what}, only where {query.removeprefix('?')}" if query else what
