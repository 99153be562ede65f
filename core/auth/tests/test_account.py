"""`/account`: what a person sees and changes of their own account."""

import html
import re
from typing import Any

import pytest
from sqlmodel import select

from bedside.auth.access_log.recording import keep
from bedside.auth.tables import AuditEvent, Credential, User
from core.auth.tests.administering import Administering
from core.auth.tests.factors import App, app_of, codes_of, enrol, follow, hidden, sign_in_again

AUTHENTICATOR = "/account/authenticator"


async def set_up(flow: Any, clock: Any) -> App:
    """Somebody who is signed in sets up an app of their own will."""
    page = await flow.browser.get(AUTHENTICATOR)
    app = app_of(page, clock)
    assert (await flow.submit(page, AUTHENTICATOR, otp=app.next_code())).status_code == 200
    return app


async def account(flow: Any) -> Any:
    page = await flow.browser.get("/account")
    assert page.status_code == 200, page.headers
    return page


def buttons(page: Any, path: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(rf'(?:href|action)="({path})"', page.text)]


async def test_who_is_not_signed_in_signs_in_and_comes_back(flow: Any) -> None:
    page = await follow(flow, await flow.browser.get("/account"))
    led_on = await flow.submit(page, username="physician", password="correct horse battery staple")
    assert led_on.headers["location"] == "/account"
    assert "The physician" in (await account(flow)).text


async def test_in_a_demo_a_person_may_set_up_an_app_and_then_needs_it(flow: Any, clock: Any, told: Any) -> None:
    await flow.sign_in("patient", scope="openid")
    page = await flow.browser.get(AUTHENTICATOR)
    app = app_of(page, clock)
    shown = await flow.submit(page, AUTHENTICATOR, otp=app.code())
    assert len(codes_of(shown)) == 10
    assert "10 left" in (await account(flow)).text
    page = await sign_in_again(flow, clock, "patient", scope="openid")
    assert "code" in told(await flow.submit(page, "/factor", otp=app.next_code()))


async def test_a_second_app_leaves_the_recovery_codes_as_they_are(flow: Any, clock: Any, told: Any) -> None:
    await flow.sign_in("patient", scope="openid")
    first, second = await set_up(flow, clock), await set_up(flow, clock)
    assert first.secret != second.secret
    page = await account(flow)
    assert len(buttons(page, r"/account/factors/[^\"]+/remove")) == 2
    for app in (first, second):
        page = await sign_in_again(flow, clock, "patient", scope="openid")
        assert "code" in told(await flow.submit(page, "/factor", otp=app.next_code()))


async def test_new_recovery_codes_make_the_old_ones_void(flow: Any, clock: Any, told: Any) -> None:
    await flow.sign_in("patient", scope="openid")
    page = await flow.browser.get(AUTHENTICATOR)
    old = codes_of(await flow.submit(page, AUTHENTICATOR, otp=app_of(page, clock).code()))
    new = codes_of(await flow.submit(await flow.browser.get("/account/recovery-codes"), "/account/recovery-codes"))
    assert (len(new), set(old) & set(new)) == (10, set())
    page = await sign_in_again(flow, clock, "patient", scope="openid")
    assert (await flow.submit(page, "/factor", otp=old[0])).status_code == 401
    assert "code" in told(await flow.submit(page, "/factor", otp=new[0]))
    assert "9 left" in (await account(flow)).text


async def test_without_a_factor_there_are_no_recovery_codes(flow: Any) -> None:
    await flow.sign_in("patient", scope="openid")
    page = await flow.browser.get("/account/recovery-codes")
    assert (await flow.submit(page, "/account/recovery-codes")).status_code == 409


async def test_a_factor_that_is_removed_lets_nobody_in(flow: Any, clock: Any, authority: Any) -> None:
    await flow.sign_in("patient", scope="openid")
    await set_up(flow, clock)
    (way,) = buttons(await account(flow), r"/account/factors/[^\"]+/remove")
    assert "Removed" in (await flow.submit(await flow.browser.get(way), way)).text
    assert "by password alone" in (await account(flow)).text
    assert (await flow.browser.get(way)).status_code == 404
    with authority.units.reading() as session:
        assert session.exec(select(Credential)).all() == []
        actions = session.exec(select(AuditEvent.action).order_by(AuditEvent.recorded_at)).all()
    assert actions[-2:] == ["factor-enrolled", "factor-removed"]


class TestOutsideTheDemo:
    @pytest.fixture
    def demo(self) -> bool:
        return False

    async def test_the_only_factor_of_staff_stays(self, flow: Any, clock: Any) -> None:
        await enrol(flow, clock)
        (way,) = buttons(await account(flow), r"/account/factors/[^\"]+/remove")
        kept = await flow.submit(await flow.browser.get(way), way)
        assert (kept.status_code, "Set up another one first" in kept.text) == (409, True)
        await set_up(flow, clock)
        assert "Removed" in (await flow.submit(await flow.browser.get(way), way)).text

    async def test_what_decides_about_later_sign_ins_asks_anew_who_one_is(self, flow: Any, clock: Any) -> None:
        app = (await enrol(flow, clock)).app
        form = await flow.browser.get(AUTHENTICATOR)
        clock.advance(minutes=11)
        await account(flow)
        for path in (AUTHENTICATOR, "/account/recovery-codes", "/account/factors/x/remove"):
            assert (await flow.browser.get(path)).headers["location"].startswith("/sign-in")
        # What was opened in time may be sent a while longer.
        late = await flow.submit(form, AUTHENTICATOR, otp=app_of(form, clock).code())
        assert late.status_code == 200
        clock.advance(minutes=10)
        await account(flow)
        clock.advance(minutes=11)
        await account(flow)
        too_late = await flow.submit(form, AUTHENTICATOR, otp=app.code())
        assert too_late.headers["location"].startswith("/sign-in")


@pytest.mark.parametrize(
    "path",
    [
        AUTHENTICATOR,
        "/account/recovery-codes",
        "/account/factors/x/remove",
        "/account/sessions/x/end",
        "/account/sign-out-everywhere",
        "/account/apps/withdraw",
    ],
)
async def test_attack_51_no_form_of_the_account_is_taken_from_elsewhere(flow: Any, path: str) -> None:
    await flow.sign_in("patient", scope="openid")
    for forged in ({"otp": "1"}, {"csrf": "x"}, hidden(await flow.browser.get("/account")) | {"csrf": "0" * 64}):
        refused = await flow.browser.post(path, data=forged)
        assert (refused.status_code, "did not come from the page" in refused.text) == (403, True)


async def test_another_browser_is_signed_out_from_here(flow: Any, server: Any) -> None:
    await flow.sign_in("patient", scope="openid")
    there = dict(server.cookies)
    server.cookies.clear()
    await flow.sign_in("patient", scope="openid")
    page = await account(flow)
    assert re.search(r'aria-label="Sign out [^"<]+, since [^"<]+">Sign out</button>', page.text)
    (way,) = buttons(page, r"/account/sessions/[^\"]+/end")
    assert (await flow.submit(page, way)).headers["location"] == "/account"
    assert buttons(await account(flow), r"/account/sessions/[^\"]+/end") == []
    server.cookies.clear()
    server.cookies.update(there)
    assert (await flow.browser.get("/account")).headers["location"].startswith("/sign-in")


async def test_nobody_ends_anothers_session(flow: Any, server: Any) -> None:
    await flow.sign_in("physician")
    theirs = dict(server.cookies)
    listed = await account(flow)
    server.cookies.clear()
    await flow.sign_in("physician")
    (way,) = buttons(await account(flow), r"/account/sessions/[^\"]+/end")
    server.cookies.clear()
    await flow.sign_in("patient", scope="openid")
    assert (await flow.submit(await account(flow), way)).status_code == 303
    server.cookies.clear()
    server.cookies.update(theirs)
    assert (await account(flow)).text.count("session-row") == listed.text.count("session-row") + 1


async def test_signing_out_everywhere_ends_every_browser_and_app(flow: Any, server: Any) -> None:
    tokens = await flow.tokens(scope="openid offline_access user/*.rs")
    there = dict(server.cookies)
    server.cookies.clear()
    await flow.sign_in()
    ended = await flow.submit(await account(flow), "/account/sign-out-everywhere")
    assert "signed out everywhere" in ended.text
    assert (await flow.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    for cookies in (dict(server.cookies), there):
        server.cookies.clear()
        server.cookies.update(cookies)
        assert (await flow.browser.get("/account")).headers["location"].startswith("/sign-in")


async def test_what_an_app_of_others_was_allowed_is_taken_back(flow: Any, server: Any) -> None:
    page = await follow(flow, await flow.sign_in("patient", client_id="foreign", scope="openid patient/*.rs"))
    allowed = await flow.submit(page, "/consent", scope="openid", decision="allow")
    tokens = (await flow.redeem(str(allowed.headers["location"]).partition("code=")[2].partition("&")[0],
                                client_id="foreign")).json()  # fmt: skip
    page = await account(flow)
    assert "app-row" in page.text
    form = hidden(page) | {"client": "foreign"}
    assert (await server.post("/account/apps/withdraw", data=form)).headers["location"] == "/account"
    assert "app-row" not in (await account(flow)).text
    introspected = await server.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert introspected.status_code == 401


async def test_a_patient_sees_who_looked_at_their_record_and_nobody_elses(flow: Any, authority: Any) -> None:
    with authority.units.unit() as session:
        physician = session.exec(select(User).where(User.username == "physician")).one()
        for number, (patient, action) in enumerate((("p1", "view"), ("p1", "update"), ("p2", "view"))):
            keep(
                session,
                AuditEvent(
                    id=f"e{number}",
                    recorded_at=authority.clock.now(),
                    action=action,
                    outcome="success",
                    source="gateway",
                    user_id=physician.id,
                    client_id="app",
                    entity=None,
                    purpose="BTG" if action == "update" else None,
                    patients=[patient],
                    detail={},
                ),
            )
    await flow.sign_in("patient", scope="openid")
    page = await flow.browser.get("/account/record")
    told = re.findall(
        r"<strong>([^<]+)</strong> ([^<]+?)(?: <span class=\"badge soon\">([a-z]+)</span>)?<span", page.text
    )
    assert told[:2] == [("The physician", "changed it", "emergency"), ("The physician", "looked at it", "")]
    assert sum(who == "The physician" for who, _, _ in told) == 2
    # That one looked is there the next time.
    assert "<strong>You</strong> looked here" in (await flow.browser.get("/account/record")).text


async def test_who_is_no_patient_has_no_record_to_look_at(flow: Any) -> None:
    await flow.sign_in("physician")
    assert "/account/record" not in (await account(flow)).text
    assert (await flow.browser.get("/account/record")).status_code == 404


async def test_an_administrator_resets_the_second_step_of_who_has_lost_it(
    flow: Any, clock: Any, authority: Any
) -> None:
    await flow.sign_in("patient", scope="openid")
    await set_up(flow, clock)
    theirs = dict(flow.browser.cookies)
    with authority.units.reading() as session:
        user_id = session.exec(select(User.id).where(User.username == "patient")).one()
    flow.browser.cookies.clear()
    admin = Administering(flow)
    path = f"/admin/users/{user_id}"
    assert "Authenticator app" in (await admin.open(path)).text
    reset = await flow.submit(await admin.open(f"{path}/factors/reset"), f"{path}/factors/reset")
    shown = await flow.browser.get(reset.headers["location"])
    assert "Their second step is reset" in shown.text
    assert "None set up" in shown.text
    with authority.units.reading() as session:
        assert session.exec(select(Credential)).all() == []
        assert "factors-reset" in session.exec(select(AuditEvent.action)).all()
    flow.browser.cookies.clear()
    flow.browser.cookies.update(theirs)
    assert (await flow.browser.get("/account")).headers["location"].startswith("/sign-in")
