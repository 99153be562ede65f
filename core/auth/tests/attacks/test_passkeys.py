"""Attacks on passkeys: origin, challenge, counter, owner and the device's own recognition of its person."""

import asyncio
import json
from dataclasses import dataclass, replace
from typing import Any

import httpx
import jwt as pyjwt
import pytest
from sqlmodel import select

from bedside.auth.tables import AuditEvent
from core.auth.tests.factors import enrol, follow, hidden, sign_in_again
from core.auth.tests.passkeys import ORIGIN, PRESENT, SYNCABLE, SYNCED, VERIFIED, Passkey, options_of

ACCOUNT = "/account/passkey"
NOT_ACCEPTED = "That passkey was not accepted"


@pytest.fixture
def issuer() -> str:
    """By a name: browsers bind no passkeys to a bare address."""
    return ORIGIN


@dataclass
class Person:
    flow: Any
    clock: Any
    authority: Any
    username: str = "physician"
    scope: str = "openid"

    async def makes(self, key: Passkey) -> httpx.Response:
        """Signed in afresh, sets the passkey up."""
        self.flow.browser.cookies.clear()
        await self.flow.sign_in(self.username, scope=self.scope)
        page = await self.flow.browser.get(ACCOUNT)
        return await self.flow.submit(page, ACCOUNT, credential=key.create(options_of(page)))

    async def asked(self, **changed: str | None) -> httpx.Response:
        """The page that asks for the factor, in a browser without a session."""
        return await sign_in_again(self.flow, self.clock, self.username, scope=self.scope, **changed)

    async def shows(self, page: httpx.Response, answer: str) -> httpx.Response:
        answered: httpx.Response = await self.flow.submit(page, "/factor/passkey", credential=answer)
        return answered

    def reasons(self) -> list[str]:
        with self.authority.units.reading() as session:
            refused = select(AuditEvent).where(AuditEvent.outcome == "refused").order_by(AuditEvent.recorded_at)
            return [row.detail["reason"] for row in session.exec(refused).all()]


@pytest.fixture
def person(flow: Any, clock: Any, authority: Any) -> Person:
    return Person(flow, clock, authority)


def led_on(answer: httpx.Response) -> bool:
    return answer.status_code == 303 and answer.headers["location"].startswith("http://127.0.0.1:8000/callback?code=")


def refused(answer: httpx.Response) -> bool:
    return answer.status_code == 401 and NOT_ACCEPTED in answer.text


@pytest.mark.parametrize(
    ("flags", "method"), [(PRESENT | VERIFIED, "hwk"), (PRESENT | VERIFIED | SYNCABLE | SYNCED, "swk")]
)
async def test_attack_59_twin_an_honest_passkey_lets_in_and_is_worth_most(
    person: Person, told: Any, flags: int, method: str
) -> None:
    key = Passkey(flags=flags)
    assert "Your recovery codes" in (await person.makes(key)).text
    for _ in range(2):
        page = await person.asked()
        answer = await person.shows(page, key.get(options_of(page)))
        tokens = (await person.flow.redeem(told(answer)["code"])).json()
        claims = pyjwt.decode(tokens["access_token"], options={"verify_signature": False})
        assert (claims["acr"], claims["amr"]) == ("phr", sorted(["mfa", "pwd", method]))


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        ({"origin": "http://localhost.evil.example:8003"}, "origin"),
        ({"origin": "http://localhost:8004"}, "origin"),
        ({"origin": "https://localhost:8003"}, "origin"),
        ({"host": "evil.example"}, "answer"),
        ({"flags": PRESENT}, "verification"),
        ({"flags": VERIFIED}, "answer"),
    ],
)
async def test_attack_59_a_key_for_elsewhere_or_without_its_person_is_not_kept_nor_let_in(
    person: Person, hostile: dict[str, Any], reason: str
) -> None:
    assert refused(await person.makes(Passkey(**hostile)))
    honest = Passkey()
    await person.makes(honest)
    page = await person.asked()
    assert refused(await person.shows(page, replace(honest, **hostile).get(options_of(page))))
    assert person.reasons() == [reason, reason]
    page = await person.asked()
    honest.counter += 1
    assert led_on(await person.shows(page, honest.get(options_of(page))))


async def test_attack_59_a_challenge_is_answered_once(person: Person) -> None:
    key = Passkey(counts=False)
    await person.makes(key)
    page = await person.asked()
    answer = key.get(options_of(page))
    assert led_on(await person.shows(page, answer))
    assert refused(await person.shows(await person.asked(), answer))
    assert person.reasons() == ["challenge"]


async def test_attack_59_one_answer_brought_by_several_at_once_lets_one_in(person: Person) -> None:
    key = Passkey(counts=False)
    await person.makes(key)
    page = await person.asked()
    answer = key.get(options_of(page))
    answers = await asyncio.gather(*(person.shows(page, answer) for _ in range(4)))
    assert [led_on(each) for each in answers].count(True) == 1


async def test_attack_59_a_challenge_is_its_sessions_its_purposes_and_young(person: Person) -> None:
    key = Passkey()
    await person.makes(key)
    others = options_of(await person.asked())
    page = await person.asked()
    made_up = options_of(page) | {"challenge": "MTc5OTk5OTk5OS54eHguYWJj"}
    no_text = options_of(page) | {"challenge": "____"}
    create = options_of(await person.flow.browser.get("/factor", params=hidden(page)))
    for options in (others, made_up, no_text):
        assert refused(await person.shows(page, key.get(options)))
    assert person.reasons() == ["challenge"] * 3
    assert led_on(await person.shows(page, key.get(create)))
    # Shown for making a key, it is no good for signing in; and nothing is for longer than five minutes.
    to_make = options_of(await person.flow.browser.get(ACCOUNT))
    page = await person.asked()
    assert refused(await person.shows(page, key.get(to_make)))
    options = options_of(page)
    person.clock.advance(minutes=5, seconds=1)
    assert refused(await person.shows(page, key.get(options)))
    assert person.reasons() == ["challenge"] * 5


async def test_attack_59_a_counter_that_does_not_grow_is_a_copys(person: Person) -> None:
    key = Passkey()
    await person.makes(key)
    copy = replace(key)
    for _ in range(2):
        page = await person.asked()
        assert led_on(await person.shows(page, key.get(options_of(page))))
    page = await person.asked()
    assert refused(await person.shows(page, copy.get(options_of(page))))
    assert person.reasons() == ["counter"]
    page = await person.asked()
    assert led_on(await person.shows(page, key.get(options_of(page))))


async def test_attack_59_a_key_lets_its_owner_in_and_nobody_else(person: Person) -> None:
    mine, theirs = Passkey(), Passkey()
    await person.makes(mine)
    other = replace(person, username="frontdesk")
    await other.makes(theirs)
    page = await person.asked()
    for hostile in (theirs, replace(mine, user_handle=b"somebody else"), replace(theirs, id=mine.id)):
        page = await person.shows(page, hostile.get(options_of(page)))
        assert refused(page)
    # Nor is a key that somebody has taken over by another account.
    assert refused(await replace(person, username="admin").makes(mine))
    assert person.reasons() == ["owner", "owner", "answer", "known"]


async def test_attack_59_a_signature_by_another_key_is_none(person: Person) -> None:
    mine = Passkey()
    await person.makes(mine)
    page = await person.asked()
    assert refused(await person.shows(page, Passkey(id=mine.id).get(options_of(page))))
    assert person.reasons() == ["answer"]


@pytest.mark.parametrize(
    "answer", ["", "{", "[]", "null", "{}", '{"id": 1}', "9" * 30_000, json.dumps({"id": "a", "rawId": "b"})]
)
async def test_attack_59_whatever_else_is_sent_is_not_accepted(person: Person, answer: str) -> None:
    await person.makes(Passkey())
    assert refused(await person.shows(await person.asked(), answer))
    page = await person.flow.browser.get("/factor", params=hidden(await person.asked()))
    assert refused(await person.shows(page, answer))
    assert person.reasons() == ["answer"] * 2


async def test_an_app_that_asks_for_a_passkey_gets_nothing_less(person: Person, told: Any, demo: bool) -> None:
    page = await follow(person.flow, await person.flow.sign_in("physician", scope="openid", acr_values="phr"))
    key = Passkey()
    assert "authenticator app" not in page.text
    shown = await person.flow.submit(page, "/enrol/passkey", credential=key.create(options_of(page)))
    assert led_on(await person.flow.browser.get("/factor", params=hidden(shown)))
    page = await person.asked(acr_values="phr")
    assert 'name="otp"' not in page.text
    assert led_on(await person.shows(page, key.get(options_of(page))))


class TestByABareAddress:
    @pytest.fixture
    def issuer(self) -> str:
        return "http://127.0.0.1:8003"

    async def test_no_passkey_is_offered_where_none_works(self, flow: Any, told: Any) -> None:
        await flow.sign_in("physician", scope="openid")
        assert "passkey" not in (await flow.browser.get("/account")).text
        assert (await flow.browser.get(ACCOUNT)).status_code == 409
        answer = told(await flow.sign_in("physician", scope="openid", acr_values="phr", prompt="login"))
        assert answer["error"] == "unmet_authentication_requirements"


class TestOutsideTheDemo:
    @pytest.fixture
    def demo(self) -> bool:
        return False

    async def test_who_must_enrol_may_do_so_by_a_passkey(self, person: Person) -> None:
        page = await follow(person.flow, await person.flow.sign_in("physician"))
        assert "Use a passkey instead" in page.text
        page = await person.flow.browser.get("/enrol/passkey", params=hidden(page))
        shown = await person.flow.submit(page, "/enrol/passkey", credential=Passkey().create(options_of(page)))
        assert "Your recovery codes" in shown.text
        assert led_on(await person.flow.browser.get("/factor", params=hidden(shown)))

    async def test_a_lost_passkey_is_replaced_by_a_recovery_code(self, person: Person) -> None:
        codes = (await enrol(person.flow, person.clock)).recovery_codes
        page = await person.flow.browser.get(ACCOUNT)
        await person.flow.submit(page, ACCOUNT, credential=Passkey().create(options_of(page)))
        page = await person.asked()
        assert led_on(await person.flow.submit(page, "/factor", otp=codes[0]))
