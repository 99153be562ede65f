"""A transaction over two owners: one to its caller."""

from typing import Any

import pytest

from bedside.gateway.federation.testing import PUBLIC, Asked, GatewayInFront, Reply, StandIn, carried_out

MOTHER, VISIT, WARD = "urn:uuid:aaaa", "urn:uuid:bbbb", "urn:uuid:cccc"


@pytest.fixture
def patients() -> StandIn:
    return StandIn("patients")


@pytest.fixture
def encounters() -> StandIn:
    return StandIn("encounters")


@pytest.fixture
def gateway(patients: StandIn, encounters: StandIn) -> GatewayInFront:
    return GatewayInFront(patients, encounters)


def transaction(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def patient(full_url: str = MOTHER, **request: str) -> dict[str, Any]:
    resource = {"resourceType": "Patient", "gender": "female"}
    return {"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": "Patient", **request}}


def encounter(subject: str = MOTHER, full_url: str = VISIT, **elements: Any) -> dict[str, Any]:
    resource = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": subject},
        **elements,
    }
    return {"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": "Encounter"}}


def refusing(status: int, at: str) -> Any:
    issue = {"severity": "error", "code": "business-rule", "expression": [at]}

    def answer(asked: Asked) -> Reply:
        return status, {}, {"resourceType": "OperationOutcome", "issue": [issue]}

    return answer


async def test_new_resources_get_their_ids_here_and_are_referred_to_by_them(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn
) -> None:
    answer = await gateway.ask("POST", "", transaction(encounter(), patient()))
    assert answer.status_code == 200
    (written,) = patients.asked[-1].json()["entry"]
    (visit,) = encounters.asked[-1].json()["entry"]
    assert written["request"] == {"method": "PUT", "url": f"Patient/{written['resource']['id']}", "ifNoneMatch": "*"}
    assert visit["resource"]["subject"] == {"reference": f"Patient/{written['resource']['id']}"}
    bundle = answer.json()
    assert bundle["type"] == "transaction-response"
    locations = [each["response"]["location"] for each in bundle["entry"]]
    assert locations[0] == f"{PUBLIC}/Encounter/{visit['resource']['id']}/_history/1"
    assert locations[1] == f"{PUBLIC}/Patient/{written['resource']['id']}/_history/1"


async def test_decimals_reach_the_owner_as_they_were_written(gateway: GatewayInFront, encounters: StandIn) -> None:
    body = (
        b'{"resourceType":"Bundle","type":"transaction","entry":['
        b'{"fullUrl":"urn:uuid:aaaa","resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}},'
        b'{"resource":{"resourceType":"Observation","status":"final","code":{"text":"weight"},'
        b'"subject":{"reference":"urn:uuid:aaaa"},"valueQuantity":{"value":70.50}},'
        b'"request":{"method":"POST","url":"Observation"}}]}'
    )
    assert (await gateway.ask("POST", "", body)).status_code == 200
    assert b'"value":70.50}' in encounters.asked[-1].body


async def test_references_are_rewritten_at_every_depth_and_in_narrative(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn
) -> None:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{MOTHER}">her</a></div>'
    visit = encounter(
        text={"status": "generated", "div": div},
        participant=[{"individual": {"reference": MOTHER}}],
        contained=[{"resourceType": "Condition", "id": "c", "subject": {"reference": MOTHER}}],
        reasonReference=[{"reference": "#c"}],
        identifier=[{"value": MOTHER}],
    )
    assert (await gateway.ask("POST", "", transaction(patient(), visit))).status_code == 200
    target = patients.asked[-1].json()["entry"][0]["request"]["url"]
    sent = encounters.asked[-1].json()["entry"][0]["resource"]
    assert sent["participant"][0]["individual"]["reference"] == target
    assert sent["contained"][0]["subject"]["reference"] == target
    assert f'href="{target}"' in sent["text"]["div"]
    assert sent["identifier"] == [{"value": MOTHER}]


async def test_relative_references_are_read_against_the_entrys_own_full_url(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn
) -> None:
    mother = patient("http://elsewhere.example/fhir/Patient/7")
    visit = encounter("Patient/7", "http://elsewhere.example/fhir/Encounter/8")
    assert (await gateway.ask("POST", "", transaction(mother, visit))).status_code == 200
    target = patients.asked[-1].json()["entry"][0]["request"]["url"]
    assert encounters.asked[-1].json()["entry"][0]["resource"]["subject"]["reference"] == target


async def test_a_conditional_create_stays_one_and_its_answer_names_the_reference(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn
) -> None:
    answer = await gateway.ask("POST", "", transaction(patient(ifNoneExist="identifier=a|1"), encounter()))
    assert answer.status_code == 200
    assert patients.asked[-1].json()["entry"][0]["request"] == {
        "method": "POST",
        "url": "Patient",
        "ifNoneExist": "identifier=a|1",
    }
    sent = encounters.asked[-1].json()["entry"][0]["resource"]
    assert sent["subject"]["reference"] == "Patient/made-by-owner"


async def test_one_owners_transaction_is_handed_over_as_it_came(gateway: GatewayInFront, encounters: StandIn) -> None:
    body = b'{"resourceType":"Bundle", "type":"transaction", "entry":[%s]}' % (
        b'{"resource":{"resourceType":"Basic","code":{"text":"x"}},"request":{"method":"POST","url":"Basic"}}'
    )
    assert (await gateway.ask("POST", "", body)).status_code == 200
    assert [each.body for each in encounters.asked] == [body]


def found(*ids: str) -> dict[str, Any]:
    entries = [{"resource": {"resourceType": "Practitioner", "id": each}, "search": {"mode": "match"}} for each in ids]
    searchset = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    return {"resource": searchset, "response": {"status": "200 OK"}}


def resolving(*answers: dict[str, Any]) -> Any:
    def answer(asked: Asked) -> Reply:
        bundle = asked.json()
        if bundle["type"] == "batch":
            return 200, {}, {"resourceType": "Bundle", "type": "batch-response", "entry": list(answers)}
        return 200, {}, carried_out(bundle)

    return answer


def attended(*criteria: str) -> dict[str, Any]:
    return encounter(
        participant=[{"individual": {"reference": f"Practitioner?identifier={each}"}} for each in criteria]
    )


async def test_conditional_references_of_another_owner_are_resolved_there_once_each(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn
) -> None:
    patients.answer = resolving(found("dr-1"), found("dr-2"))
    answer = await gateway.ask("POST", "", transaction(patient(), attended("1", "2", "1")))
    assert answer.status_code == 200
    searches = [each["request"]["url"] for each in patients.asked[0].json()["entry"]]
    assert searches == ["Practitioner?identifier=1&_count=2", "Practitioner?identifier=2&_count=2"]
    individuals = [each["individual"] for each in encounters.asked[-1].json()["entry"][0]["resource"]["participant"]]
    assert [each["reference"] for each in individuals] == [
        "Practitioner/dr-1",
        "Practitioner/dr-2",
        "Practitioner/dr-1",
    ]


@pytest.mark.parametrize(("matches", "status"), [((), 422), (("dr-1", "dr-2"), 412)])
async def test_a_conditional_reference_to_none_or_many_refuses_the_whole(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn, matches: tuple[str, ...], status: int
) -> None:
    patients.answer = resolving(found(*matches))
    answer = await gateway.ask("POST", "", transaction(patient(), attended("1")))
    assert answer.status_code == status
    places = [each["expression"] for each in answer.json()["issue"]]
    assert places == [["Bundle.entry[1].resource.participant[0].individual"]]
    assert [each.json()["type"] for each in patients.asked] == ["batch"]
    assert not encounters.asked


async def test_a_conditional_reference_that_its_owner_cannot_search_for_is_no_missing_one(
    gateway: GatewayInFront, patients: StandIn
) -> None:
    patients.answer = resolving({"response": {"status": "400 Bad Request"}})
    answer = await gateway.ask("POST", "", transaction(patient(), attended("1")))
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (422, "invalid")


async def test_a_reference_to_an_entry_that_is_not_there_is_refused_with_its_place(
    gateway: GatewayInFront, patients: StandIn
) -> None:
    answer = await gateway.ask("POST", "", transaction(patient(), encounter("urn:uuid:nobody")))
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1].resource.subject"]
    assert not patients.asked


async def test_an_invalid_later_part_refuses_before_the_first_is_written(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn
) -> None:
    answer = await gateway.ask("POST", "", transaction(patient(), encounter(status="in-process", colour="blue")))
    assert answer.status_code == 400
    places = {each["expression"][0] for each in answer.json()["issue"]}
    assert {"Bundle.entry[1].resource.status", "Bundle.entry[1].resource.colour"} <= places
    assert not patients.asked
    assert not encounters.asked


async def test_what_a_refused_later_part_leaves_behind_is_deleted_again(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn
) -> None:
    encounters.answer = refusing(422, "Bundle.entry[0].resource.period")
    answer = await gateway.ask("POST", "", transaction(patient(), encounter()))
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1].resource.period"]
    written, undone = (each.json()["entry"][0]["request"] for each in patients.asked)
    assert undone == {"method": "DELETE", "url": written["url"]}


async def test_what_could_not_be_undone_is_said(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn
) -> None:
    update = {
        "resource": {"resourceType": "Patient", "id": "p1"},
        "request": {"method": "PUT", "url": "Patient/p1"},
    }

    def updated(asked: Asked) -> Reply:
        said = carried_out(asked.json())
        said["entry"][0]["response"]["status"] = "200 OK"
        return 200, {}, said

    patients.answer = updated
    encounters.answer = refusing(422, "Bundle.entry[0].resource")
    answer = await gateway.ask("POST", "", transaction(update, encounter("Patient/p1")))
    assert answer.status_code == 422
    warning = answer.json()["issue"][-1]
    assert (warning["code"], warning["severity"], warning["expression"]) == (
        "incomplete",
        "warning",
        ["Bundle.entry[0]"],
    )


async def test_a_silent_second_owner_refuses_before_the_first_part_is_written(
    gateway: GatewayInFront, patients: StandIn
) -> None:
    gateway.silence("encounters")
    answer = await gateway.ask("POST", "", transaction(patient(), encounter()))
    assert answer.status_code == 503
    assert not patients.asked


async def test_a_second_owner_that_hangs_up_undoes_the_first_part_once_it_is_known_that_nothing_was_done(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn
) -> None:
    def hung_up(asked: Asked) -> Reply:
        if asked.method == "GET":
            return 404, {}, {"resourceType": "OperationOutcome", "issue": []}
        raise ConnectionResetError

    encounters.answer = hung_up
    answer = await gateway.ask("POST", "", transaction(patient(), encounter()))
    assert answer.status_code == 503
    assert [each.json()["entry"][0]["request"]["method"] for each in patients.asked] == ["PUT", "DELETE"]


async def test_an_answer_that_is_lost_for_good_leaves_the_first_part_and_says_so(
    gateway: GatewayInFront, patients: StandIn, encounters: StandIn
) -> None:
    def hung_up(asked: Asked) -> Reply:
        raise ConnectionResetError

    encounters.answer = hung_up
    answer = await gateway.ask("POST", "", transaction(patient(), encounter()))
    assert answer.status_code == 503
    places = [at for issue in answer.json()["issue"] for at in issue.get("expression", [])]
    assert places == ["Bundle.entry[0]", "Bundle.entry[1]"]
    assert [each.json()["entry"][0]["request"]["method"] for each in patients.asked] == ["PUT"]


async def test_scopes_are_asked_for_every_entry_before_anything_is_written(
    gateway: GatewayInFront, patients: StandIn
) -> None:
    answer = await gateway.ask("POST", "", transaction(patient(), encounter()), scope="system/Patient.cruds")
    assert answer.status_code == 403
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1]"]
    assert not patients.asked


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ({"request": {"method": "POST", "url": "Starship"}}, "Bundle.entry[1].request.url"),
        ({"request": {"method": "POST", "url": "Patient"}}, "Bundle.entry[1].resource"),
        ({"request": {"method": "MAKE", "url": "Patient"}}, "Bundle.entry[1].request.method"),
        ({"request": {"method": "POST"}}, "Bundle.entry[1].request.url"),
        ({"resource": {"resourceType": "Patient"}}, "Bundle.entry[1].request"),
        (
            {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Group"}},
            "Bundle.entry[1].resource.resourceType",
        ),
        (
            {"resource": {"resourceType": "Patient", "id": "b"}, "request": {"method": "PUT", "url": "Patient/a"}},
            "Bundle.entry[1].resource.id",
        ),
        ({"request": {"method": "DELETE", "url": "Patient"}}, "Bundle.entry[1].request.url"),
        ({"request": {"method": "GET", "url": "../internal/existence"}}, "Bundle.entry[1].request.url"),
        ("entry", "Bundle.entry[1]"),
        (patient(), "Bundle.entry[1].fullUrl"),
    ],
)
async def test_an_entry_that_makes_no_sense_is_a_400_with_its_place(
    gateway: GatewayInFront, patients: StandIn, entry: Any, place: str
) -> None:
    answer = await gateway.ask("POST", "", transaction(patient(), entry, encounter()))
    assert answer.status_code == 400
    assert place in [at for issue in answer.json()["issue"] for at in issue.get("expression", [])]
    assert not patients.asked


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"resourceType":"Patient"}',
        b'{"resourceType":"Bundle","type":"collection"}',
        b'{"resourceType":"Bundle","type":"batch","entry":{}}',
        b'{"resourceType":"Bundle","type":"batch","type":"transaction"}',
        b'{"a":' * 1000 + b"1" + b"}" * 1000,
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
async def test_a_body_that_is_no_batch_or_transaction_is_a_400(gateway: GatewayInFront, body: bytes) -> None:
    answer = await gateway.ask("POST", "", body)
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_another_format_is_a_415(gateway: GatewayInFront) -> None:
    answer = await gateway.ask("POST", "", b"<Bundle/>", headers={"content-type": "application/fhir+xml"})
    assert answer.status_code == 415
