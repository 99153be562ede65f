"""R7: the names and codes of coded things."""

from collections.abc import Iterable

from bedside.clinical.resources import CodeableConcept, Coding

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
_SYSTEM_NAMES = {
    SNOMED: "SNOMED CT",
    LOINC: "LOINC",
    "http://hl7.org/fhir/sid/icd-10": "ICD-10",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm",
}


def name_of(concept: CodeableConcept | None) -> str | None:
    """`text`, else SNOMED CT display, else first coding's display, else code."""
    if not concept:
        return None
    codings = concept.get("coding") or []
    first = codings[:1]
    spellings = [
        concept.get("text"),
        *(coding.get("display") for coding in codings if coding.get("system") == SNOMED),
        *(coding.get("display") for coding in first),
        *(coding.get("display") for coding in codings),
        *(coding.get("code") for coding in first),
    ]
    return next((spelling for spelling in spellings if spelling), None)


def first_name(concepts: list[CodeableConcept] | None) -> str | None:
    return name_of(concepts[0]) if concepts else None


def preferred(concept: CodeableConcept | None) -> Coding:
    """SNOMED CT first, else the first coding, else an empty one."""
    codings = (concept or {}).get("coding") or []
    ours = (coding for coding in codings if coding.get("system") == SNOMED)
    return next(ours, codings[0] if codings else Coding())


def system_name(coding: Coding) -> str | None:
    """What people call the code system; the URL when they call it nothing else."""
    system = coding.get("system")
    return _SYSTEM_NAMES.get(system, system) if system else None


def codes(concept: CodeableConcept | None, system: str | None = None) -> set[str]:
    """Of one system, or of any."""
    return {
        coding["code"]
        for coding in (concept or {}).get("coding") or []
        if "code" in coding and (system is None or coding.get("system") == system)
    }


def status_code(concept: CodeableConcept | None) -> str | None:
    """A status carries one code of a required value set, whatever else stands beside it."""
    return next((coding["code"] for coding in (concept or {}).get("coding") or [] if "code" in coding), None)


def any_code(concepts: Iterable[CodeableConcept] | None) -> set[str]:
    return {code for concept in concepts or () for code in codes(concept)}
