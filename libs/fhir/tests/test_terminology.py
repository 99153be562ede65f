"""What R4's own package tells of value sets and hierarchies."""

from bedside.fhir.definitions import terminology

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


def test_a_value_set_tells_its_codes_by_system_and_none_for_all_of_one() -> None:
    held = terminology().members("http://hl7.org/fhir/ValueSet/observation-vitalsignresult|4.0.1")
    assert held is not None
    assert "8867-4" in (held["http://loinc.org"] or ())
    assert terminology().members("http://hl7.org/fhir/ValueSet/observation-codes") == {"http://loinc.org": None}


def test_filters_on_a_hierarchy_that_is_held_are_told() -> None:
    held = terminology().members("http://terminology.hl7.org/ValueSet/v3-ActEncounterCode")
    assert held is not None
    assert {"AMB", "IMP", "ACUTE"} < set(held[ACT_CODE] or ())


def test_what_needs_a_system_not_held_is_not_told() -> None:
    assert terminology().members("http://hl7.org/fhir/ValueSet/substance-code") is None
    assert terminology().members("http://nowhere.org/ValueSet/x") is None
    assert terminology().subsumed("http://snomed.info/sct", "138875005") is None


def test_a_code_subsumes_itself_and_all_beneath_it() -> None:
    assert terminology().subsumed(ACT_CODE, "IMP") == ("IMP", "ACUTE", "NONAC")
    assert terminology().subsuming(ACT_CODE, "NONAC") == ("NONAC", "IMP", "_ActCareProvisionCode", "_ActEncounterCode")
    assert terminology().subsumed("http://hl7.org/fhir/administrative-gender", "male") == ("male",)
    assert terminology().subsumed(ACT_CODE, "no-such-code") is None
