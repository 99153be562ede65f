"""The life of the keys that sign: next, active, retiring, gone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import orjson
import pytest
from joserfc import jws
from joserfc.jwk import KeySet
from sqlalchemy import text
from sqlmodel import select

from bedside.auth.keys import Signer
from bedside.auth.keys.life import NOTICE, RETIRING, ROTATED_AFTER
from bedside.auth.keys.rotation import Occasion, UnknownKey, all_keys, rotate, turn, withdraw
from bedside.auth.tables import AuditEvent, SigningKey

SHELL = Occasion("shell")


def states(authority: Any, algorithm: str = "ES256") -> list[str]:
    """Oldest first."""
    with authority.units.reading() as session:
        known = all_keys(session, now=authority.clock.now())
    return [key.state for key in reversed(known) if key.algorithm == algorithm]


def kids(authority: Any, state: str, algorithm: str = "ES256") -> list[str]:
    with authority.units.reading() as session:
        known = all_keys(session, now=authority.clock.now())
    return [key.kid for key in known if (key.algorithm, key.state) == (algorithm, state)]


def signed(signer: Signer, algorithm: Any = "ES256") -> tuple[str, str]:
    """A token, and the kid it names."""
    token = signer.sign({"sub": "s"}, algorithm=algorithm, typ="JWT")
    return token, jws.extract_compact(token.encode()).headers()["kid"]


def verifies(signer: Signer, token: str) -> bool:
    kid = jws.extract_compact(token.encode()).headers()["kid"]
    return signer.public_key(kid) is not None


def later(authority: Any, **by: float) -> None:
    authority.clock.advance(**by)
    authority.signer.reload()


def test_a_key_is_published_ten_minutes_before_it_signs(authority: Any) -> None:
    [active] = kids(authority, "active")
    rotate(authority, SHELL)
    assert states(authority) == ["active", "next"] == states(authority, "RS256")
    [coming] = kids(authority, "next")
    assert {key["kid"] for key in authority.signer.jwks()["keys"]} >= {active, coming}
    assert signed(authority.signer)[1] == active
    later(authority, seconds=NOTICE.total_seconds() - 1)
    assert signed(authority.signer)[1] == active
    later(authority, seconds=2)
    assert signed(authority.signer)[1] == coming
    assert states(authority) == ["retiring", "active"]


def test_a_next_key_says_from_when_its_tokens_count_and_others_say_nothing(authority: Any) -> None:
    rotate(authority, SHELL)
    [coming] = kids(authority, "next")
    told = {key["kid"]: key.get("nbf") for key in authority.signer.jwks()["keys"] if key["kty"] == "EC"}
    due = authority.clock.now() + NOTICE
    assert told.pop(coming) == pytest.approx(due.timestamp(), abs=2)
    assert list(told.values()) == [None]


def test_a_retiring_key_serves_to_its_last_token_and_then_is_gone(authority: Any) -> None:
    rotate(authority, SHELL)
    later(authority, seconds=NOTICE.total_seconds() - 1)
    last, kid = signed(authority.signer)
    later(authority, seconds=2)
    later(authority, minutes=6)  # the token's five minutes, and the clocks' tolerance
    assert verifies(authority.signer, last)
    assert kid in {key["kid"] for key in authority.signer.jwks()["keys"]}
    later(authority, seconds=RETIRING.total_seconds() - 360)
    assert not verifies(authority.signer, last)
    assert kid not in {key["kid"] for key in authority.signer.jwks()["keys"]}
    assert states(authority) == ["gone", "active"]


def test_nothing_private_of_a_gone_key_is_kept(authority: Any) -> None:
    rotate(authority, SHELL)
    later(authority, seconds=(NOTICE + RETIRING).total_seconds() + 1)
    turn(authority)
    [gone] = kids(authority, "gone")
    with authority.units.reading() as session:
        assert session.get_one(SigningKey, gone).sealed == b""
    assert verifies(authority.signer, signed(authority.signer)[0])


def test_a_second_rotation_while_one_is_under_way_changes_nothing(authority: Any) -> None:
    first = rotate(authority, SHELL)
    assert rotate(authority, SHELL) == first


def test_of_processes_that_rotate_at_once_one_makes_the_next_key(authority: Any) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: rotate(authority, SHELL), range(4)))
    assert states(authority) == ["active", "next"] == states(authority, "RS256")
    assert len(facts(authority)) <= 2  # one key each, if two processes made one
    with authority.units.reading() as session:
        noted = session.exec(select(AuditEvent.action).where(AuditEvent.action == "key-published")).all()
    assert len(noted) == 2


def test_keys_are_rotated_by_themselves_after_ninety_days(authority: Any) -> None:
    turn(authority)
    assert states(authority) == ["active"]
    later(authority, seconds=(ROTATED_AFTER - NOTICE).total_seconds() + 5)
    turn(authority)
    turn(authority)
    assert states(authority) == ["active", "next"]
    later(authority, seconds=NOTICE.total_seconds() + 5)
    turn(authority)
    assert states(authority) == ["retiring", "active"]


def test_another_process_knows_a_key_before_anybody_signs_with_it(authority: Any) -> None:
    other = Signer(authority.units, authority.sealing, authority.clock)
    other.prepare()
    rotate(authority, SHELL)
    other.reload()  # as it does by itself every few seconds
    authority.clock.advance(seconds=NOTICE.total_seconds() + 1)
    here, kid = signed(authority.signer)
    assert verifies(other, here)
    assert signed(other)[1] == kid


def test_another_process_reads_the_keys_again_within_seconds(authority: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Signer(authority.units, authority.sealing, authority.clock)
    other.prepare()
    before = len(other.jwks()["keys"])
    rotate(authority, SHELL)
    assert len(other.jwks()["keys"]) == before
    monkeypatch.setattr("bedside.auth.keys.signer._RELOAD_AFTER_S", -1.0)
    assert len(other.jwks()["keys"]) == before + 2


def test_a_compromised_active_key_is_gone_at_once_and_its_successor_signs_at_once(authority: Any) -> None:
    token, kid = signed(authority.signer)
    withdraw(authority, kid, Occasion("console", user_id="u1"))
    assert not verifies(authority.signer, token)
    assert kid not in {key["kid"] for key in authority.signer.jwks()["keys"]}
    assert states(authority) == ["gone", "active"]
    assert states(authority, "RS256") == ["active"]
    assert verifies(authority.signer, signed(authority.signer)[0])
    with authority.units.reading() as session:
        assert session.get_one(SigningKey, kid).sealed == b""
        noted = session.exec(select(AuditEvent).where(AuditEvent.action == "key-withdrawn")).one()
    assert (noted.user_id, noted.entity, noted.detail) == (
        "u1",
        f"Key/{kid}",
        {"by": "console", "algorithm": "ES256"},
    )


def test_the_waiting_key_takes_over_from_a_compromised_one(authority: Any) -> None:
    rotate(authority, SHELL)
    [active], [coming] = kids(authority, "active"), kids(authority, "next")
    withdraw(authority, active, SHELL)
    assert signed(authority.signer)[1] == coming
    assert states(authority) == ["gone", "active"]


def test_a_compromised_next_or_retiring_key_never_signs_and_the_active_one_goes_on(authority: Any) -> None:
    rotate(authority, SHELL)
    [active], [coming] = kids(authority, "active"), kids(authority, "next")
    withdraw(authority, coming, SHELL)
    later(authority, seconds=NOTICE.total_seconds() + 1)
    assert signed(authority.signer)[1] == active
    rotate(authority, SHELL)
    later(authority, seconds=NOTICE.total_seconds() + 1)
    assert kids(authority, "retiring") == [active]
    withdraw(authority, active, SHELL)
    assert kids(authority, "retiring") == []
    assert verifies(authority.signer, signed(authority.signer)[0])


def test_a_process_whose_clock_is_behind_signs_with_the_successor_all_the_same(authority: Any) -> None:
    _, kid = signed(authority.signer)
    withdraw(authority, kid, SHELL)
    authority.clock.advance(seconds=-5)
    assert signed(authority.signer)[1] == kids(authority, "active")[0] != kid


@pytest.mark.parametrize("kid", ["", "unknown", "' OR 1=1 --"])
def test_a_key_that_is_not_there_cannot_be_withdrawn(authority: Any, kid: str) -> None:
    with pytest.raises(UnknownKey):
        withdraw(authority, kid, SHELL)


def test_a_key_is_withdrawn_once(authority: Any) -> None:
    _, kid = signed(authority.signer)
    withdraw(authority, kid, SHELL)
    with pytest.raises(UnknownKey):
        withdraw(authority, kid, SHELL)


def facts(authority: Any) -> list[Any]:
    with authority.units.reading() as session:
        rows = session.connection().execute(text("SELECT body FROM outbox ORDER BY seq")).all()
    return [orjson.loads(row[0]) for row in rows]


def test_a_rotation_is_told_with_every_published_key(authority: Any) -> None:
    rotate(authority, SHELL)
    [active], [coming] = kids(authority, "active"), kids(authority, "next")
    [told] = facts(authority)
    assert (told["type"], told["subject"]) == ("bedside.key.rotated.v1", f"Key/{active}")
    assert told["data"] == {"kids": sorted([active, coming])}
    withdraw(authority, active, SHELL)
    assert facts(authority)[-1]["data"] == {"kids": [coming]}
    assert authority.signer.kids() == [coming]


async def test_the_published_document_verifies_what_is_signed_all_through_a_rotation(
    server: Any, authority: Any
) -> None:
    rotate(authority, SHELL)
    for _ in range(12):
        keys = KeySet.import_key_set((await server.get("/jwks")).json())
        for algorithm in ("ES256", "RS256"):
            token, _ = signed(authority.signer, algorithm)
            jws.deserialize_compact(token, keys, algorithms=[algorithm])
        later(authority, minutes=2)
    assert timedelta(minutes=24) > NOTICE + RETIRING
