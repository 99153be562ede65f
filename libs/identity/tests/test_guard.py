"""The door of an app: whom it admits, and what it says of the others."""

import pytest

from bedside.identity import Guard, Refused
from bedside.identity.testing import TestIssuer

Headers = list[tuple[bytes, bytes]]


@pytest.fixture
def issuer() -> TestIssuer:
    return TestIssuer()


async def test_a_bearer_is_admitted_with_the_token_as_it_came(issuer: TestIssuer) -> None:
    token = issuer.token("user/*.rs", subject="u1", roles=["nurse"])
    admitted = await Guard(issuer.verifier()).admit({"headers": [(b"authorization", f"bearer  {token} ".encode())]})
    assert (admitted.bearer, admitted.caller.subject) == (token, "u1")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Bearer  ")],
        [(b"authorization", b"Basic YTpi")],
        [(b"cookie", b"authorization=Bearer x")],
    ],
)
async def test_without_a_bearer_token_one_is_absent(issuer: TestIssuer, headers: Headers) -> None:
    with pytest.raises(Refused, match="absent"):
        await Guard(issuer.verifier()).admit({"headers": headers})


async def test_of_two_tokens_neither_is_believed(issuer: TestIssuer) -> None:
    good = f"Bearer {issuer.token()}".encode()
    with pytest.raises(Refused, match="absent"):
        await Guard(issuer.verifier()).admit({"headers": [(b"authorization", good), (b"authorization", good)]})


async def test_a_caller_known_from_before_is_refused_once_revoked(issuer: TestIssuer) -> None:
    guard = Guard(issuer.verifier())
    request = {"headers": [(b"authorization", f"Bearer {issuer.token(jti='t1')}".encode())]}
    assert (await guard.admit(request)).caller is (await guard.admit(request)).caller
    issuer.denylist.refuse("token", "t1")
    with pytest.raises(Refused, match="revoked"):
        await guard.admit(request)
