"""The limit that reads are held against: nothing but one SELECT by key and the bytes it found.

`uvicorn tests.bench.bare:app` with BENCH_DATABASE_URL and BENCH_ID set.
"""

import os
from typing import Any

import asyncpg

_SELECT = """SELECT v.body FROM resource r JOIN version v ON v.vid = r.cur_vid WHERE r.type_id = $1 AND r.fid = $2"""
_pool: Any = None


async def app(scope: Any, receive: Any, send: Any) -> None:
    global _pool
    if scope["type"] == "lifespan":
        await receive()
        _pool = await asyncpg.create_pool(os.environ["BENCH_DATABASE_URL"], min_size=1, max_size=10)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await _pool.close()
        await send({"type": "lifespan.shutdown.complete"})
        return
    async with _pool.acquire() as connection:
        row = await connection.fetchrow(_SELECT, int(os.environ["BENCH_TYPE_ID"]), os.environ["BENCH_ID"])
    body = row[0]
    headers = [(b"content-type", b"application/fhir+json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
