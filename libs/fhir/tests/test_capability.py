"""The CapabilityStatement promises what is served, and all of it is."""

from bedside.fhir.rest.testing import BASE, Served


async def test_the_statement_is_of_r4_and_of_the_owned_types(server: Served) -> None:
    statement = (await server.http.get("/fhir/metadata", headers={"authorization": ""})).json()
    assert (statement["resourceType"], statement["fhirVersion"]) == ("CapabilityStatement", "4.0.1")
    types = [resource["type"] for resource in statement["rest"][0]["resource"]]
    assert types == ["Condition", "Encounter", "Observation", "Organization", "Patient", "Practitioner"]
    assert statement["implementation"]["url"] == BASE


async def test_every_promised_search_parameter_is_answered(server: Served) -> None:
    statement = (await server.http.get("/fhir/metadata")).json()
    values = {"date": "2020", "number": "1", "quantity": "1", "reference": "Patient/p1", "composite": "a$b"}
    refused = {}
    for resource in statement["rest"][0]["resource"]:
        for parameter in resource["searchParam"]:
            address = f"/fhir/{resource['type']}?{parameter['name']}={values.get(parameter['type'], 'x')}"
            response = await server.http.get(address)
            if response.status_code >= 500 or (response.status_code >= 400 and parameter["type"] != "composite"):
                refused[address] = response.text
    assert refused == {}


async def test_what_can_be_asked_of_all_types_and_what_shapes_an_answer_is_promised_and_answered(
    server: Served,
) -> None:
    rest = (await server.http.get("/fhir/metadata")).json()["rest"][0]
    assert {"code": "search-system"} in rest["interaction"]
    names = {parameter["name"] for parameter in rest["searchParam"]}
    assert names >= {"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source", "_type"}
    assert names >= {"_count", "_elements", "_include", "_revinclude", "_sort", "_summary", "_total"}
    values = {
        "_lastUpdated": "gt2020", "_count": "1", "_elements": "id", "_include": "*", "_revinclude": "Observation:*",
        "_sort": "_id", "_summary": "true", "_total": "estimate", "_type": "Patient,Encounter",
    }  # fmt: skip
    for name in names:
        response = await server.http.get(f"/fhir?{name}={values.get(name, 'x')}")
        assert response.status_code == 200, (name, response.text)


async def test_every_promised_include_is_answered_in_both_directions(server: Served) -> None:
    rest = (await server.http.get("/fhir/metadata")).json()["rest"][0]
    promised = 0
    for resource in rest["resource"]:
        for kind, name in (("searchInclude", "_include"), ("searchRevInclude", "_revinclude")):
            values = resource.get(kind, [])
            promised += len(values)
            for start in range(0, len(values), 25):
                query = "&".join(f"{name}={value}" for value in values[start : start + 25])
                response = await server.http.get(f"/fhir/{resource['type']}?{query}")
                assert response.status_code == 200, response.text
    assert promised > 50


async def test_the_statement_is_valid_fhir(server: Served) -> None:
    from bedside.fhir import exact_json
    from bedside.fhir.validation import validate

    assert validate(exact_json.parse((await server.http.get("/fhir/metadata")).content)) == []


async def test_the_normative_mode_keeps_what_is_normative_in_r4(server: Served) -> None:
    statement = (await server.http.get("/fhir/metadata?mode=normative")).json()
    assert [resource["type"] for resource in statement["rest"][0]["resource"]] == ["Observation", "Patient"]


async def test_the_terminology_mode_says_that_there_is_no_terminology_service(server: Served) -> None:
    from bedside.fhir import exact_json
    from bedside.fhir.validation import validate

    answer = await server.http.get("/fhir/metadata?mode=terminology")
    assert validate(exact_json.parse(answer.content)) == []
    assert set(answer.json()) == {"resourceType", "status", "date", "kind", "software", "implementation"}
    assert answer.json()["resourceType"] == "TerminologyCapabilities"


async def test_a_mode_that_r4_does_not_have_is_refused(server: Served) -> None:
    assert (await server.http.get("/fhir/metadata?mode=everything")).status_code == 400


async def test_every_way_of_writing_is_promised_for_every_type(server: Served) -> None:
    statement = (await server.http.get("/fhir/metadata")).json()
    promised = [
        (
            {"create", "update", "patch", "delete"} <= {each["code"] for each in resource["interaction"]},
            resource["conditionalCreate"],
            resource["conditionalUpdate"],
            resource["conditionalDelete"],
        )
        for resource in statement["rest"][0]["resource"]
    ]

    assert set(promised) == {(True, True, True, "single")}
    assert statement["patchFormat"] == [
        "application/json-patch+json",
        "application/fhir+json",
        "application/merge-patch+json",
    ]
