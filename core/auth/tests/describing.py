"""Holds what auth answers against what it says of itself at `/openapi.json`."""

import re
from functools import cache

import httpx
from jsonschema import Draft202012Validator

from bedside.auth.description import described

METHODS = ("get", "post", "put", "patch", "delete")
DESCRIPTION = described("http://127.0.0.1:8003")


@cache
def _templates() -> list[tuple[re.Pattern[str], str]]:
    """The most exact first."""
    paths = sorted(DESCRIPTION["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\\{\w+\\}", ".+", re.escape(path))), path) for path in paths]


@cache
def _validator(path: str, method: str, status: str, media_type: str) -> Draft202012Validator:
    schema = DESCRIPTION["paths"][path][method]["responses"][status]["content"][media_type]["schema"]
    return Draft202012Validator({"components": DESCRIPTION["components"], **schema})


def described_at(path: str) -> str | None:
    return next((template for pattern, template in _templates() if pattern.fullmatch(path)), None)


async def holds(answer: httpx.Response) -> None:
    """For event hooks of httpx. Other methods than those described are not told of either."""
    path, method = described_at(answer.request.url.path), answer.request.method.lower()
    if path is None or method not in DESCRIPTION["paths"][path]:
        return
    await answer.aread()
    said = DESCRIPTION["paths"][path][method]["responses"].get(str(answer.status_code))
    where = f"{method} {path} {answer.status_code}"
    assert said is not None, f"{where} is not described: {answer.text[:200]}"
    media_type = answer.headers.get("content-type", "").partition(";")[0]
    if not answer.content:
        return
    assert media_type in said.get("content", {}), f"{where} is described without {media_type}: {answer.text[:200]}"
    if media_type.endswith("json"):
        validator = _validator(path, method, str(answer.status_code), media_type)
        problems = [problem.message for problem in validator.iter_errors(answer.json())]
        assert not problems, f"{where} is not as described: {problems[:3]}"
