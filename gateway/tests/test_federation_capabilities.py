"""What the base says of itself to those without a token."""

from bedside.gateway.federation.capabilities import merged
from bedside.gateway.federation.testing import PUBLIC, GatewayInFront, StandIn


def gateway() -> GatewayInFront:
    return GatewayInFront(StandIn("patients"), StandIn("encounters"))


async def test_metadata_names_every_owners_types_under_the_public_base() -> None:
    answer = await gateway().http.get("/fhir/metadata")
    assert answer.status_code == 200
    statement = answer.json()
    types = [each["type"] for each in statement["rest"][0]["resource"]]
    assert {"Patient", "Observation"} <= set(types)
    assert types == sorted(types)
    assert statement["implementation"]["url"] == PUBLIC
    assert statement["rest"][0]["interaction"] == [{"code": "transaction"}]
    uris = statement["rest"][0]["security"]["extension"][0]["extension"]
    assert {"url": "token", "valueUri": "http://127.0.0.1:8003/token"} in uris


async def test_metadata_is_a_503_until_every_owner_was_seen_and_then_outlives_their_silence() -> None:
    front = gateway()
    apps = dict(front.wire.apps)
    front.silence("encounters")
    early = await front.http.get("/fhir/metadata")
    assert early.status_code == 503
    assert "encounters" in early.json()["issue"][0]["details"]["text"]
    front.wire.apps |= apps
    assert (await front.http.get("/fhir/metadata")).status_code == 200
    front.silence("patients")
    front.silence("encounters")
    assert not await front.base.capabilities.refresh()
    assert (await front.http.get("/fhir/metadata")).status_code == 200


async def test_metadata_comes_in_the_modes_of_r4() -> None:
    front = gateway()
    normative = (await front.http.get("/fhir/metadata?mode=normative")).json()
    assert [each["type"] for each in normative["rest"][0]["resource"]] == ["Binary", "Observation", "Patient"]
    terminology = (await front.http.get("/fhir/metadata?mode=terminology")).json()
    assert terminology["resourceType"] == "TerminologyCapabilities"
    assert (await front.http.get("/fhir/metadata?mode=nonsense")).status_code == 400


def test_what_all_owners_do_as_a_whole_is_promised_of_the_base() -> None:
    rest = {"mode": "server", "interaction": [{"code": "batch"}, {"code": "history-system"}]}
    less = {"mode": "server", "interaction": [{"code": "history-system"}]}
    whole = merged([{"rest": [rest]}, {"rest": [less]}], PUBLIC, {})
    assert whole["rest"][0]["interaction"] == [{"code": "history-system"}]


async def test_ownership_follows_what_owners_say() -> None:
    front = gateway()
    front.base.owners.ownership.learn("patients", ["Patient"])
    assert front.base.owners.owner_of("Coverage") is None
    await front.base.capabilities.refresh()
    assert front.base.owners.owner_of("Coverage") == "patients"


async def test_smart_apps_learn_where_to_sign_in() -> None:
    answer = await gateway().http.get(
        "/fhir/.well-known/smart-configuration", headers={"origin": "https://app.example"}
    )
    told = answer.json()
    assert told["token_endpoint"] == "http://127.0.0.1:8003/token"
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["content-type"] == "application/json"


async def test_public_documents_are_only_read() -> None:
    assert (await gateway().http.post("/fhir/metadata")).status_code == 405
