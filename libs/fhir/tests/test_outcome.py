"""Issues become an OperationOutcome that any FHIR client can read."""

from bedside.fhir.outcome import Issue, Refused, operation_outcome


def test_an_issue_names_its_place() -> None:
    assert operation_outcome([Issue("value", "is not a date", "Patient.birthDate")]) == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "value",
                "details": {"text": "is not a date"},
                "expression": ["Patient.birthDate"],
            }
        ],
    }


def test_an_issue_outside_the_body_has_no_place() -> None:
    assert "expression" not in operation_outcome([Issue("not-found", "no such resource")])["issue"][0]


def test_no_issues_say_that_all_is_well() -> None:
    assert operation_outcome([])["issue"] == [
        {"severity": "information", "code": "informational", "details": {"text": "All OK"}}
    ]


def test_a_refusal_carries_every_issue() -> None:
    issues = [Issue("value", "one"), Issue("required", "two")]
    refused = Refused(422, iter(issues))
    assert (refused.status, list(refused.issues)) == (422, issues)
