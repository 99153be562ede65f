"""Verifying tokens on one core, cold and known, denylist and hearing included: `python -m tests.bench.auth`.

Prints verifications a second beside what the project wants of them. With `POSTGRESQL_URL` behind it, also what auth
itself serves from one core, and what a flood of wrong passwords leaves to others (`token_server.py`).
"""

import asyncio
import statistics
import sys
import time

from bedside.identity import Hearing, Verifier
from bedside.identity.testing import AUDIENCE, ISSUER, TestIssuer
from tests.bench.token_server import flood, serving, stage

ROUNDS, TOKENS, REVOKED, REPEATS = 5, 2_000, 1_000, 50_000
COLD_WANTED, KNOWN_WANTED = 8_000, 200_000


async def verifications() -> None:
    issuer, hearing = TestIssuer(), Hearing()
    hearing.informed(time.monotonic())
    for number in range(REVOKED):
        issuer.denylist.refuse("session", f"revoked-{number}")
    tokens = [issuer.token("user/*.rs", roles=["nurse"], subject=f"u{number}") for number in range(TOKENS)]
    cold, known = [], []
    for _ in range(ROUNDS):
        hearing.informed(time.monotonic())
        verifier = Verifier(ISSUER, {AUDIENCE}, issuer.keys, issuer.denylist, hearing=hearing)
        cold.append(await _per_second(verifier, tokens))
        known.append(await _per_second(verifier, tokens * (REPEATS // TOKENS)))
    for name, rates, wanted in (("cold", cold, COLD_WANTED), ("known", known, KNOWN_WANTED)):
        rate = statistics.median(rates)
        told = "met" if rate >= wanted else "MISSED"
        print(f"{name:6}{rate:10,.0f}/s ({min(rates):,.0f} to {max(rates):,.0f}), wanted at least {wanted:,}: {told}")


async def _per_second(verifier: Verifier, tokens: list[str]) -> float:
    began = time.perf_counter()
    for token in tokens:
        await verifier.verify(token)
    return len(tokens) / (time.perf_counter() - began)


if __name__ == "__main__":
    asyncio.run(verifications())
    if len(sys.argv) > 1:
        with stage(sys.argv[1]) as on:
            asyncio.run(serving(on))
            asyncio.run(flood(on))
