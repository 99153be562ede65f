"""A patch says the same each time it is applied: a transaction that lost to another one is run again."""

from copy import deepcopy
from typing import Any

import pytest

from bedside.fhir.outcome import Refused
from bedside.fhir.patches.reading import JSON_PATCH, MERGE_PATCH, patch_of

PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p", "active": True}
TELECOM = {"system": "phone", "value": "1"}
PARAMETERS = {
    "resourceType": "Parameters",
    "parameter": [
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "add"},
                {"name": "path", "valueString": "Patient"},
                {"name": "name", "valueString": "contact"},
                {"name": "value", "part": [{"name": "telecom", "valueContactPoint": TELECOM}]},
            ],
        },
        {
            "name": "operation",
            "part": [
                {"name": "type", "valueCode": "add"},
                {"name": "path", "valueString": "Patient.contact[0]"},
                {"name": "name", "valueString": "gender"},
                {"name": "value", "valueCode": "female"},
            ],
        },
    ],
}


@pytest.mark.parametrize(
    ("media_type", "sent"),
    [
        (
            JSON_PATCH,
            [
                {"op": "add", "path": "/telecom", "value": [TELECOM]},
                {"op": "add", "path": "/telecom/-", "value": {"system": "email"}},
                {"op": "replace", "path": "/telecom/0/value", "value": "2"},
            ],
        ),
        (MERGE_PATCH, {"managingOrganization": {"reference": "Organization?identifier=x"}, "telecom": [TELECOM]}),
        ("application/fhir+json", PARAMETERS),
    ],
)
def test_what_becomes_of_a_patched_resource_does_not_change_the_patch(media_type: str, sent: Any) -> None:
    patch = patch_of(media_type, sent)
    first = patch(deepcopy(PATIENT))
    expected = deepcopy(first)
    for holder in (first.get("managingOrganization", {}), *first.get("telecom", ()), *first.get("contact", ())):
        holder["reference"] = "Organization/rewritten"

    assert patch(deepcopy(PATIENT)) == expected


@pytest.mark.parametrize(
    ("held", "value", "agrees"),
    [
        (True, True, True),
        (True, 1, False),
        (0, False, False),
        (None, None, True),
        ("1", 1, False),
        ([1, {"a": True}], [1, {"a": True}], True),
        ([1, {"a": True}], [1, {"a": 1}], False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
    ],
)
def test_a_test_compares_as_json_does(held: Any, value: Any, agrees: bool) -> None:
    patch = patch_of(JSON_PATCH, [{"op": "test", "path": "/held", "value": value}])

    if agrees:
        assert patch({"held": held}) == {"held": held}
    else:
        with pytest.raises(Refused) as refused:
            patch({"held": held})
        assert refused.value.status == 422


def test_a_test_compares_numbers_by_what_they_are_worth() -> None:
    from bedside.fhir import exact_json

    sent = exact_json.parse(b'[{"op":"test","path":"/v","value":1.5},{"op":"test","path":"/n","value":2.0}]')
    held = exact_json.parse(b'{"v":1.50,"n":2}')

    assert exact_json.emit(patch_of(JSON_PATCH, sent)(held)) == b'{"v":1.50,"n":2}'
