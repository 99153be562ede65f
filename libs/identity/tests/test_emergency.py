"""Emergency access as services see it: one patient, until it ends, and no longer."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from bedside.identity import BrokenGlass, Denylist, Exchange, Refused, ServiceLogin
from bedside.identity.emergency import STANDING_MAX, broken_glasses, emergency_claims
from bedside.identity.testing import TestIssuer

NOW = datetime.now(UTC).replace(microsecond=0)
SOON = NOW + timedelta(minutes=30)
OPEN = BrokenGlass("g1", "p1", SOON)


async def test_it_opens_one_patient_until_its_end() -> None:
    caller = await TestIssuer().caller("user/*.rs", **emergency_claims([OPEN]))
    assert caller.glasses == (OPEN,)
    last = SOON - timedelta(microseconds=1)
    assert [caller.broke_glass_for(patient, last) for patient in ("p1", "p2")] == [True, False]
    assert not caller.broke_glass_for("p1", SOON)


async def test_the_purpose_is_that_of_looking_at_this_patient_alone() -> None:
    caller = await TestIssuer().caller("user/*.rs", **emergency_claims([OPEN]))
    assert [caller.purpose_for(patient, NOW) for patient in ("p1", "p2")] == ["BTG", None]
    ordinary = await TestIssuer().caller("user/*.rs", purpose_of_use="TREAT")
    assert ordinary.purpose_for("p1", NOW) == "TREAT"


def test_where_none_stands_nothing_is_claimed() -> None:
    assert emergency_claims([]) == {}


@pytest.mark.parametrize(
    "said",
    [
        None,
        True,
        "p1",
        {"id": "g1", "patient": "p1", "until": 2**31},
        ["p1"],
        [{"patient": "p1", "until": 2**31}],
        [{"id": "g1", "patient": "", "until": 2**31}],
        [{"id": "g1", "patient": ["p1"], "until": 2**31}],
        [{"id": "g1", "patient": "p1"}],
        [{"id": "g1", "patient": "p1", "until": True}],
        [{"id": "g1", "patient": "p1", "until": "tomorrow"}],
        [{"id": "g1", "patient": "p1", "until": 10**30}],
        [{"id": "g1", "patient": "p1", "until": -1}],
    ],
    ids=str,
)
def test_what_is_not_said_in_our_shape_opens_nothing(said: Any) -> None:
    assert broken_glasses({"btg": said}) == ()


def test_no_more_than_the_bound_is_read() -> None:
    many = emergency_claims(BrokenGlass(f"g{number}", f"p{number}", SOON) for number in range(STANDING_MAX + 5))
    assert len(broken_glasses(many)) == STANDING_MAX


async def test_a_token_that_speaks_of_one_that_was_ended_is_refused() -> None:
    issuer = TestIssuer()
    verifier = issuer.verifier()
    token, other = issuer.token(**emergency_claims([OPEN])), issuer.token()
    await verifier.verify(token)
    # Even one that was issued after it: an ended access does not come back.
    issuer.denylist.refuse("glass", "g1", issued_before=NOW - timedelta(minutes=1))
    with pytest.raises(Refused, match="revoked"):
        await verifier.verify(token)
    await verifier.verify(other)


class Auth:
    """Exchanges tokens, and says of what stands."""

    def __init__(self) -> None:
        self.issuer = TestIssuer()
        self.asked = 0
        self.standing: list[BrokenGlass] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        token = self.issuer.token(**emergency_claims(self.standing))
        return httpx.Response(200, json={"access_token": token, "expires_in": 300})

    def exchange(self, denylist: Denylist) -> Exchange:
        http = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return Exchange(ServiceLogin("http://auth/token", "gateway", "secret", http=http), denylist)


async def test_what_was_exchanged_for_a_person_is_forgotten_and_for_others_kept() -> None:
    auth = Auth()
    exchange = auth.exchange(Denylist())
    mine, anothers = auth.issuer.token(subject="u1"), auth.issuer.token(subject="u2")
    for bearer in (mine, anothers):
        assert await exchange.glasses(bearer, "a") == ()
    auth.standing = [OPEN]
    exchange.forget("u1")
    assert await exchange.glasses(mine, "a") == (OPEN,)
    assert await exchange.glasses(anothers, "a") == ()
    assert auth.asked == 3


async def test_a_token_of_an_access_that_was_ended_is_not_handed_out() -> None:
    auth, denylist = Auth(), Denylist()
    exchange = auth.exchange(denylist)
    bearer = auth.issuer.token(subject="u1")
    auth.standing = [OPEN]
    spoken = await exchange.exchange(bearer, "a")
    assert await exchange.exchange(bearer, "a") == spoken
    auth.standing = []
    denylist.refuse("glass", "g1")
    assert await exchange.glasses(bearer, "a") == ()
    assert auth.asked == 2


async def test_an_exchange_under_way_when_it_is_forgotten_is_not_kept() -> None:
    auth = Auth()
    exchange = auth.exchange(Denylist())
    bearer = auth.issuer.token(subject="u1")
    under_way = asyncio.create_task(exchange.exchange(bearer, "a"))
    await asyncio.sleep(0)
    exchange.forget("u1")
    await under_way
    auth.standing = [OPEN]
    assert await exchange.glasses(bearer, "a") == (OPEN,)
