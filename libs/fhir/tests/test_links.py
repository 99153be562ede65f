"""Links to entries of a bundle are found by the type of their element. https://hl7.org/fhir/R4/http.html#transaction"""

from copy import deepcopy
from typing import Any

import pytest

from bedside.fhir.store.links import links

URN = "urn:uuid:6f9619ff-8b86-d011-b42d-00c04fc964ff"
TARGET = "Patient/1"

FOLLOW: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a url": (
        {"resourceType": "DocumentReference", "content": [{"attachment": {"url": URN}}]},
        {"resourceType": "DocumentReference", "content": [{"attachment": {"url": TARGET}}]},
    ),
    "one of several uris": (
        {"resourceType": "CarePlan", "instantiatesUri": ["urn:other", URN], "instantiatesCanonical": [URN]},
        {"resourceType": "CarePlan", "instantiatesUri": ["urn:other", TARGET], "instantiatesCanonical": [URN]},
    ),
    "where it came from": (
        {"resourceType": "Patient", "meta": {"source": URN, "profile": [URN]}},
        {"resourceType": "Patient", "meta": {"source": TARGET, "profile": [URN]}},
    ),
    "an extension beside a primitive": (
        {"resourceType": "Patient", "_birthDate": {"extension": [{"url": URN, "valueUuid": URN}]}},
        {"resourceType": "Patient", "_birthDate": {"extension": [{"url": URN, "valueUuid": TARGET}]}},
    ),
    "something contained": (
        {"resourceType": "List", "contained": [{"resourceType": "Media", "content": {"url": URN, "title": URN}}]},
        {"resourceType": "List", "contained": [{"resourceType": "Media", "content": {"url": TARGET, "title": URN}}]},
    ),
    "an element that holds its own kind": (
        {"resourceType": "Questionnaire", "item": [{"item": [{"definition": URN, "linkId": URN}]}]},
        {"resourceType": "Questionnaire", "item": [{"item": [{"definition": TARGET, "linkId": URN}]}]},
    ),
    "links of a narrative": (
        {"resourceType": "Patient", "text": {"div": f"<div><a href='{URN}'>{URN}</a><img src=\"{URN}\"/></div>"}},
        {"resourceType": "Patient", "text": {"div": f"<div><a href='{TARGET}'>{URN}</a><img src=\"{TARGET}\"/></div>"}},
    ),
}  # fmt: skip
STAY: dict[str, dict[str, Any]] = {
    "a reference, which is followed elsewhere": {"resourceType": "Encounter", "subject": {"reference": URN}},
    "text": {"resourceType": "Patient", "identifier": [{"value": URN}], "name": [{"text": URN}]},
    "a canonical where others have a uri": {"resourceType": "QuestionnaireResponse", "questionnaire": URN},
    "text in a narrative": {"resourceType": "Patient", "text": {"div": f"<div>{URN}</div>"}},
    "what is no element": {"resourceType": "Patient", "url": URN},
}


@pytest.mark.parametrize("name", FOLLOW)
def test_what_follows_an_entry_is(name: str) -> None:
    sent, expected = deepcopy(FOLLOW[name])
    for link in links(sent, {URN}):
        link.point({URN: TARGET}.get)

    assert sent == expected


@pytest.mark.parametrize("name", STAY)
def test_what_stays_as_it_is(name: str) -> None:
    assert links(STAY[name], {URN}) == []


def test_a_link_can_be_pointed_again_when_the_transaction_is_run_again() -> None:
    sent, expected = deepcopy(FOLLOW["links of a narrative"])
    for link in links(sent, {URN}):
        link.point({URN: "Patient/other"}.get)
        link.point({URN: TARGET}.get)

    assert sent == expected
