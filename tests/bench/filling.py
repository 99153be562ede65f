"""Many resources that look like a hospital's, put into a database fast by the store's own writer.

One ward's worth after the other: a patient, their encounters, conditions and about a hundred observations. The same
number gives the same resources.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bedside.events.database import Database
from bedside.fhir.declaration import Owned, Service
from bedside.fhir.store.draft import Author, Draft
from bedside.fhir.store.preparing import prepare
from bedside.fhir.store.store import new_store

TYPES = ("Patient", "Practitioner", "Organization", "Encounter", "Observation", "Condition", "MedicationRequest")
SERVICE = Service("bench", tuple(Owned(name) for name in TYPES))
BASE = "http://127.0.0.1:8000/fhir"
MRN = "http://hospital.example.org/mrn"
BATCH = 1000
OF_ONE_PATIENT = 112  # 1 patient, 4 encounters, 4 conditions, 3 prescriptions, 100 observations
LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
# Code, name, unit, lowest and highest value, and how often it is measured against the others.
MEASURED = (
    ("8867-4", "Heart rate", "/min", 45, 130, 16),
    ("9279-1", "Respiratory rate", "/min", 10, 30, 14),
    ("8310-5", "Body temperature", "Cel", 35, 40, 14),
    ("2708-6", "Oxygen saturation", "%", 86, 100, 14),
    ("8480-6", "Systolic blood pressure", "mm[Hg]", 85, 190, 14),
    ("29463-7", "Body weight", "kg", 40, 140, 4),
    ("2160-0", "Creatinine", "mg/dL", 1, 6, 5),
    ("718-7", "Hemoglobin", "g/dL", 6, 18, 5),
    ("2823-3", "Potassium", "mmol/L", 2, 7, 5),
    ("2951-2", "Sodium", "mmol/L", 120, 155, 5),
    ("4548-4", "Hemoglobin A1c", "%", 4, 14, 2),
    ("1988-5", "C reactive protein", "mg/L", 1, 300, 2),
)
_BEGINNINGS = ("Ab", "Be", "Ca", "Da", "El", "Fa", "Gr", "Ha", "Iv", "Jo")
FAMILIES = tuple(f"{one}{two}" for one in _BEGINNINGS for two in ("ler", "rman", "son", "ton", "field"))
GIVEN = ("Ada", "Bo", "Carmen", "David", "Edith", "Farid", "Grace", "Hugo", "Ines", "Jonah", "Kirsten", "Lee")
PROBLEMS = ("44054006", "38341003", "195967001", "73211009", "13645005", "49436004", "40930008", "84757009")
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)
DAYS = 5 * 365


def patient_id(number: int) -> str:
    return f"p{number}"


def around_patient(number: int) -> Iterator[dict[str, Any]]:
    """`number` from 0; 112 resources, none of which refers to what comes after it."""
    chance = random.Random(number)
    subject = {"reference": f"Patient/{patient_id(number)}"}
    yield _patient(number, chance)
    stays = [_encounter(number, place, subject, chance) for place in range(4)]
    yield from stays
    for place in range(4):
        yield _condition(number, place, subject, chance)
    for place in range(3):
        yield _prescription(number, place, subject, chance)
    for place in range(100):
        yield _observation(number, place, subject, chance.choice(stays), chance)


async def fill(database: Database, *, first: int, last: int, service: Service = SERVICE) -> int:
    """Patients number `first` up to but without `last`, and what is around them; how many resources that was.

    `service` is whose database it is: what it does not own is left out.
    """
    store = new_store(service, database=database, base_url=BASE)
    waiting: list[Draft] = []
    written = 0
    for number in range(first, last):
        waiting += [
            Draft("update", each["resourceType"], each["id"], each)
            for each in around_patient(number)
            if each["resourceType"] in service.types
        ]
        if len(waiting) >= BATCH or number == last - 1:
            prepare(service, waiting)
            written += len(await store.commit(waiting, Author(who="bench", request_id="bench")))
            waiting = []
    return written


def _patient(number: int, chance: random.Random) -> dict[str, Any]:
    family, given = chance.choice(FAMILIES), chance.sample(GIVEN, 2)
    return {
        "resourceType": "Patient",
        "id": patient_id(number),
        "active": True,
        "identifier": [{"system": MRN, "value": f"MRN-{number:07}"}],
        "name": [{"use": "official", "family": f"{family}{_letters(number)}", "given": given}],
        "telecom": [{"system": "phone", "use": "mobile", "value": f"+44 7700 {number:06}"}],
        "gender": chance.choice(("female", "male")),
        "birthDate": (datetime(1930, 1, 1) + timedelta(days=chance.randrange(80 * 365))).date().isoformat(),  # noqa: DTZ001
        "address": [{"line": [f"{chance.randrange(1, 200)} Mill Lane"], "city": "Leeds", "postalCode": "LS1 4AB"}],
    }


def _letters(number: int) -> str:
    """Names differ more the more patients there are."""
    return "".join(chr(ord("a") + number // 26**place % 26) for place in range(3))


def _encounter(number: int, place: int, subject: dict[str, str], chance: random.Random) -> dict[str, Any]:
    begun = _moment(chance)
    return {
        "resourceType": "Encounter",
        "id": f"e{number}-{place}",
        "status": "finished",
        "class": {
            "system": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
            "code": chance.choice(("AMB", "IMP", "EMER")),
        },
        "subject": subject,
        "period": {
            "start": begun.isoformat(),
            "end": (begun + timedelta(hours=chance.randrange(1, 200))).isoformat(),
        },
    }


def _condition(number: int, place: int, subject: dict[str, str], chance: random.Random) -> dict[str, Any]:
    clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    return {
        "resourceType": "Condition",
        "id": f"c{number}-{place}",
        "clinicalStatus": {"coding": [{"system": clinical, "code": chance.choice(("active", "resolved"))}]},
        "code": {"coding": [{"system": SNOMED, "code": chance.choice(PROBLEMS)}], "text": "A problem"},
        "subject": subject,
        "onsetDateTime": _moment(chance).date().isoformat(),
    }


def _prescription(number: int, place: int, subject: dict[str, str], chance: random.Random) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": f"m{number}-{place}",
        "status": chance.choice(("active", "completed")),
        "intent": "order",
        "medicationCodeableConcept": {"text": chance.choice(("Amlodipine 5 mg", "Metformin 500 mg", "Aspirin 75 mg"))},
        "subject": subject,
        "authoredOn": _moment(chance).isoformat(),
    }


def _observation(
    number: int, place: int, subject: dict[str, str], stay: dict[str, Any], chance: random.Random
) -> dict[str, Any]:
    [measured] = chance.choices(MEASURED, weights=[each[5] for each in MEASURED])
    code, name, unit, lowest, highest, _ = measured
    return {
        "resourceType": "Observation",
        "id": f"o{number}-{place}",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": "vital-signs"}]}],
        "code": {"coding": [{"system": LOINC, "code": code, "display": name}], "text": name},
        "subject": subject,
        "encounter": {"reference": f"Encounter/{stay['id']}"},
        "effectiveDateTime": _moment(chance).isoformat(),
        "valueQuantity": {
            "value": chance.randrange(lowest * 10, highest * 10) / 10,
            "unit": unit,
            "system": UCUM,
            "code": unit,
        },
    }


def _moment(chance: random.Random) -> datetime:
    return BEGINNING + timedelta(days=chance.randrange(DAYS), seconds=chance.randrange(86_400))
