"""A bound token at a service: good only with a proof by its key, made for this request, shown once (attack 49)."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import OctKey

from bedside.identity import Guard, Refused, Unreachable, Verifier
from bedside.identity.possession import CLOCKS_APART, PROOF_LIFE, Proof
from bedside.identity.replays import Replays
from bedside.identity.testing import AUDIENCE, ISSUER, Holder, TestIssuer

ADDRESS = f"{AUDIENCE}/Patient/p1"
NOW = datetime.now(UTC)


class StandingClock:
    """Goes on only when it is told to."""

    def __init__(self) -> None:
        self.instant = NOW

    def now(self) -> datetime:
        return self.instant


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def issuer(clock: StandingClock) -> TestIssuer:
    return TestIssuer(clock=clock)


@pytest.fixture
def holder(clock: StandingClock) -> Holder:
    return Holder(clock)


def bound(issuer: TestIssuer, holder: Holder, **claims: Any) -> str:
    return issuer.token("user/*.rs", cnf={"jkt": holder.thumbprint}, **claims)


def request(headers: dict[str, str], path: str = "/Patient/p1", method: str = "GET") -> dict[str, Any]:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"method": method, "path": path, "raw_path": path.encode(), "headers": raw}


async def reason(guard: Guard, asked: dict[str, Any]) -> str:
    """Why not; `admitted` when nothing stands against it."""
    try:
        await guard.admit(asked)
    except Refused as refused:
        return refused.reason
    return "admitted"


@pytest.mark.parametrize("algorithm", ["ES256", "ES384"])
async def test_a_bound_token_is_admitted_with_a_proof_of_its_key(
    issuer: TestIssuer, clock: StandingClock, algorithm: str
) -> None:
    holder = Holder(clock, algorithm)
    token = bound(issuer, holder, subject="u1")
    admitted = await Guard(issuer.verifier()).admit(request(holder.headers("GET", ADDRESS, token)))
    assert (admitted.bearer, admitted.caller.subject) == (token, "u1")


FOREIGN = Holder()
SECONDS = int(NOW.timestamp())
PUBLIC = dict(FOREIGN.key.as_dict(private=False))
SYMMETRIC = OctKey.generate_key(256)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"htm": "POST"}, "proof-for-other-request"),
        ({"htm": None}, "proof-for-other-request"),
        ({"htu": f"{AUDIENCE}/Patient/p2"}, "proof-for-other-request"),
        ({"htu": "http://127.0.0.1:8001/fhir/Patient/p1"}, "proof-for-other-request"),
        ({"htu": "https://127.0.0.1:8000/fhir/Patient/p1"}, "proof-for-other-request"),
        ({"htu": f"http://x@{ADDRESS.removeprefix('http://')}"}, "proof-for-other-request"),
        ({"htu": "/fhir/Patient/p1"}, "proof-for-other-request"),
        ({"htu": "http://[::1"}, "proof-for-other-request"),
        ({"htu": None}, "proof-for-other-request"),
        ({"htu": 1}, "proof-for-other-request"),
        ({"iat": SECONDS - 121}, "proof-not-of-now"),
        ({"iat": SECONDS + 120}, "proof-not-of-now"),
        ({"iat": None}, "proof-malformed"),
        ({"iat": "now"}, "proof-malformed"),
        ({"iat": True}, "proof-malformed"),
        ({"iat": 1e300}, "proof-malformed"),
        ({"jti": None}, "proof-malformed"),
        ({"jti": ""}, "proof-malformed"),
        ({"jti": "j" * 257}, "proof-malformed"),
        ({"ath": None}, "proof-for-other-token"),
        ({"ath": "x"}, "proof-for-other-token"),
        ({"header": {"typ": "JWT"}}, "proof-malformed"),
        ({"header": {"typ": None}}, "proof-malformed"),
        ({"header": {"crit": ["typ"]}}, "proof-malformed"),
        ({"header": {"jku": "https://evil.example/"}}, "proof-malformed"),
        ({"header": {"jwk": None}}, "proof-wrong-key"),
        ({"header": {"jwk": dict(FOREIGN.key.as_dict(private=True))}}, "proof-wrong-key"),
        ({"header": {"jwk": {"kty": "EC"}}}, "proof-wrong-key"),
        ({"header": {"jwk": PUBLIC | {"x": 1}}}, "proof-wrong-key"),
        ({"header": {"jwk": PUBLIC | {"x": "AA", "y": "AA"}}}, "proof-wrong-key"),
        ({"header": {"jwk": PUBLIC | {"crv": "P-521"}}}, "proof-wrong-key"),
        ({"header": {"jwk": {"kty": "oct"}, "alg": "HS256"}, "key": SYMMETRIC}, "proof-wrong-algorithm"),
        ({"header": {"jwk": dict(SYMMETRIC.as_dict())}}, "proof-wrong-key"),
        ({"header": {"jwk": PUBLIC}}, "proof-bad-signature"),
        ({"header": {"jwk": PUBLIC}, "key": FOREIGN.key}, "proof-by-other-key"),
        ({"padding": "x" * 4096}, "proof-malformed"),
    ],
)
async def test_attack_49_a_proof_that_differs_in_one_thing(
    issuer: TestIssuer, holder: Holder, changed: Any, expected: str
) -> None:
    guard, token = Guard(issuer.verifier()), bound(issuer, holder)
    assert await reason(guard, request(holder.headers("GET", ADDRESS, token, **changed))) == expected
    assert await reason(guard, request(holder.headers("GET", ADDRESS, token))) == "admitted"


def without_signature(proof: str) -> str:
    """As `alg: none` has it."""
    from joserfc.util import urlsafe_b64encode

    head = urlsafe_b64encode(json.dumps({"typ": "dpop+jwt", "alg": "none", "jwk": PUBLIC}).encode()).decode()
    return f"{head}.{proof.split('.')[1]}."


@pytest.mark.parametrize(
    ("proofs", "expected"),
    [
        ([], "proof-absent"),
        (["{}", "{}"], "proof-malformed"),
        ([""], "proof-malformed"),
        (["a.b"], "proof-malformed"),
        (["é.é.é"], "proof-malformed"),
        (["e30.e30.e30"], "proof-malformed"),
        (["none"], "proof-wrong-algorithm"),
    ],
)
async def test_attack_49_no_proof_two_or_none_that_is_signed(
    issuer: TestIssuer, holder: Holder, proofs: list[str], expected: str
) -> None:
    guard, token = Guard(issuer.verifier()), bound(issuer, holder)
    good = holder.proof("GET", ADDRESS, token=token)
    asked = request({"authorization": f"DPoP {token}"})
    shown = [good if proof == "{}" else without_signature(good) if proof == "none" else proof for proof in proofs]
    asked["headers"] += [(b"dpop", proof.encode("latin-1")) for proof in shown]
    assert await reason(guard, asked) == expected
    assert await reason(guard, request({"authorization": f"DPoP {token}", "dpop": good})) == "admitted"


async def test_attack_49_a_bound_token_as_bearer_and_a_bearer_token_as_bound(
    issuer: TestIssuer, holder: Holder
) -> None:
    guard, token = Guard(issuer.verifier()), bound(issuer, holder)
    headers = holder.headers("GET", ADDRESS, token)
    assert await reason(guard, request(headers | {"authorization": f"Bearer {token}"})) == "bound"
    free = issuer.token("user/*.rs")
    assert await reason(guard, request(holder.headers("GET", ADDRESS, free))) == "not-bound"
    assert await reason(guard, request(headers)) == "admitted"
    assert await reason(guard, request({"authorization": f"Bearer {free}"})) == "admitted"


@pytest.mark.parametrize("bond", [{}, {"jkt": ""}, {"jkt": 1}, {"x5t#S256": "x"}, {"jkt": "x", "kid": "y"}, "x", []])
async def test_attack_49_a_bond_of_a_kind_that_is_not_known_here_is_not_passed_over(
    issuer: TestIssuer, bond: Any
) -> None:
    token = issuer.token("user/*.rs", cnf=bond)
    assert await reason(Guard(issuer.verifier()), request({"authorization": f"Bearer {token}"})) == "unknown-bond"


async def test_attack_49_a_proof_is_good_once(issuer: TestIssuer, holder: Holder, clock: StandingClock) -> None:
    guard, token = Guard(issuer.verifier()), bound(issuer, holder)
    asked = request(holder.headers("GET", ADDRESS, token))
    assert [await reason(guard, asked) for _ in range(3)] == ["admitted", "proof-replayed", "proof-replayed"]
    clock.instant += PROOF_LIFE + CLOCKS_APART
    assert await reason(guard, asked) == "proof-not-of-now"
    assert await reason(guard, request(holder.headers("GET", ADDRESS, token))) == "admitted"


async def test_a_revoked_token_is_refused_with_the_best_of_proofs(issuer: TestIssuer, holder: Holder) -> None:
    guard, token = Guard(issuer.verifier()), bound(issuer, holder, jti="t1")
    assert await reason(guard, request(holder.headers("GET", ADDRESS, token))) == "admitted"
    issuer.denylist.refuse("token", "t1")
    assert await reason(guard, request(holder.headers("GET", ADDRESS, token))) == "revoked"


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/Patient/p1", f"{ADDRESS}?_format=json#top"),
        ("/Patient/p1", ADDRESS.replace("http://", "HTTP://")),
        ("/Patient/%7e%2f", f"{AUDIENCE}/Patient/~%2F"),
        ("/fhir/Patient/p1", "https://fhir.example.org/r4/Patient/p1"),
        ("/fhir/Patient/p1", "https://fhir.example.org:443/r4/Patient/p1"),
        ("/v1/nurse/x", "https://FHIR.example.org/r4".replace("/r4", "/v1/nurse/x")),
    ],
)
async def test_a_proof_names_the_address_by_which_the_app_calls(
    issuer: TestIssuer, holder: Holder, path: str, address: str
) -> None:
    places = [("", AUDIENCE), ("", "https://fhir.example.org"), ("/fhir", "https://fhir.example.org/r4")]
    verifier = Verifier(ISSUER, {AUDIENCE}, issuer.keys, places=places, clock=StandingClock())
    asked = request(holder.headers("GET", address, bound(issuer, holder)), path)
    assert await reason(Guard(verifier), asked) == "admitted"


async def test_without_an_address_no_bound_token_is_admitted(issuer: TestIssuer, holder: Holder) -> None:
    guard = Guard(Verifier(ISSUER, {AUDIENCE}, issuer.keys, clock=StandingClock()))
    asked = request(holder.headers("GET", ADDRESS, bound(issuer, holder)))
    assert await reason(guard, asked) == "proof-for-other-request"


def proof(number: int, *, good_for: timedelta = timedelta(seconds=120)) -> Proof:
    return Proof("key", f"j{number}", NOW + good_for)


def test_no_more_proofs_are_remembered_than_there_is_room_for() -> None:
    replays = Replays(kept_max=3)
    for number in range(3):
        replays.use_up(proof(number), now=NOW)
    with pytest.raises(Unreachable):
        replays.use_up(proof(3), now=NOW)
    later = NOW + timedelta(seconds=121)
    replays.use_up(proof(3, good_for=timedelta(seconds=300)), now=later)
    assert len(replays) == 1


def test_two_keys_may_choose_the_same_name() -> None:
    replays = Replays()
    for key in ("one", "two"):
        replays.use_up(Proof(key, "j", NOW + PROOF_LIFE), now=NOW)
    with pytest.raises(Refused, match="proof-replayed"):
        replays.use_up(Proof("one", "j", NOW + PROOF_LIFE), now=NOW)


@pytest.mark.parametrize(
    ("refused", "challenge"),
    [
        (Refused("absent"), 'Bearer realm="fhir"'),
        (Refused("expired"), 'Bearer realm="fhir", error="invalid_token"'),
        (Refused("bound"), 'DPoP realm="fhir", error="invalid_token", algs="ES256 ES384"'),
        (
            Refused("proof-replayed", error="invalid_dpop_proof"),
            'DPoP realm="fhir", error="invalid_dpop_proof", algs="ES256 ES384"',
        ),
    ],
)
def test_the_challenge_says_what_would_be_accepted(refused: Refused, challenge: str) -> None:
    assert refused.challenge("fhir") == challenge
    assert Refused("absent").challenge() == "Bearer"
