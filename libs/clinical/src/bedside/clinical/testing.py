"""Small records for tests: each shows what matters and hides the rest."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bedside.clinical.moments import Moment

LONDON = ZoneInfo("Europe/London")
MOMENT = Moment(datetime(2026, 6, 15, 10, tzinfo=LONDON), LONDON)


def coded(code: str | None, system: str = "http://snomed.info/sct", text: str | None = None) -> Any:
    concept: dict[str, Any] = {"coding": [{"system": system, "code": code}]} if code else {}
    return concept | ({"text": text} if text else {})


def allergy(id_: str, substance: str = "Latex", **elements: Any) -> Any:
    return {"id": id_, "clinicalStatus": coded("active"), "code": coded(None, text=substance)} | elements


def negation(code: str, id_: str = "n", **elements: Any) -> Any:
    return {"id": id_, "clinicalStatus": coded("active"), "code": coded(code)} | elements


def problem(id_: str, code: str = "1", **elements: Any) -> Any:
    return {"id": id_, "clinicalStatus": coded("active"), "code": coded(code, text=f"Problem {code}")} | elements


def medicine(id_: str, name: str = "Aspirin", sig: str = "Once a day", **elements: Any) -> Any:
    found = {"id": id_, "status": "active", "intent": "order", "dosageInstruction": [{"text": sig}]}
    return found | {"medicationCodeableConcept": coded(name, text=name)} | elements


def vital(id_: str, loinc: str, value: float, unit: str, at: str, **elements: Any) -> Any:
    quantity = {"value": value, "code": unit, "system": "http://unitsofmeasure.org"}
    found = {"id": id_, "status": "final", "code": coded(loinc, "http://loinc.org"), "effectiveDateTime": at}
    return found | {"valueQuantity": quantity} | elements
