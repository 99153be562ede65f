"""Asking another FHIR server, without knowing how it stores."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urljoin

import httpx
import orjson

TokenProvider = Callable[[], Awaitable[str]]
_JSON = "application/fhir+json"
_PAGES_MAX = 200


class Unreachable(Exception):
    """The server did not answer, or said it cannot now. Trying later may help."""


class Refused(Exception):
    """The server answered, and said no. `outcome` is its OperationOutcome, when it sent one."""

    def __init__(self, status: int, outcome: Mapping[str, Any] | None) -> None:
        self.status = status
        self.outcome = outcome
        super().__init__(f"refused with status {status}")


class FhirClient:
    """`base` is the FHIR base without a slash at its end; `token` gives the bearer for each request."""

    def __init__(self, base: str, http: httpx.AsyncClient, token: TokenProvider | None = None) -> None:
        self._base = base.rstrip("/")
        self._http = http
        self._token = token

    async def read(self, type_name: str, id: str, version: int | None = None) -> dict[str, Any] | None:
        """None when there is no such resource, or no longer."""
        suffix = "" if version is None else f"/_history/{version}"
        try:
            return await self._ask("GET", f"{self._base}/{type_name}/{id}{suffix}")
        except Refused as refused:
            if refused.status in (404, 410):
                return None
            raise

    async def search(
        self, type_name: str, parameters: Sequence[tuple[str, str]] = (), *, resources_max: int = 10_000
    ) -> list[dict[str, Any]]:
        """Every match and included resource, all pages; Refused with status 413 past `resources_max`."""
        bundle = await self._ask(
            "POST", f"{self._base}/{type_name}/_search", form=[(name, value) for name, value in parameters]
        )
        found: list[dict[str, Any]] = []
        for _ in range(_PAGES_MAX):
            found += [entry["resource"] for entry in bundle.get("entry", ()) if "resource" in entry]
            following = next((link["url"] for link in bundle.get("link", ()) if link["relation"] == "next"), None)
            if len(found) > resources_max:
                raise Refused(413, None)
            if following is None:
                return [resource for resource in found if resource["resourceType"] != "OperationOutcome"]
            bundle = await self._ask("GET", self._own(following))
        raise Refused(413, None)

    async def transaction(self, bundle: Mapping[str, Any]) -> dict[str, Any]:
        """Posts a batch or transaction; the response Bundle."""
        return await self._ask("POST", self._base, body=orjson.dumps(bundle))

    def _own(self, url: str) -> str:
        # Links carry the public base, which may be the gateway's: the query is what pages, the address stays ours.
        _, separator, query = url.partition("?")
        path = url.partition("?")[0].rsplit("/", 1)[-1]
        return urljoin(f"{self._base}/", path) + separator + query

    async def _ask(
        self, method: str, url: str, *, body: bytes | None = None, form: list[tuple[str, str]] | None = None
    ) -> dict[str, Any]:
        headers = {"accept": _JSON}
        if self._token is not None:
            headers["authorization"] = f"Bearer {await self._token()}"
        if body is not None:
            headers["content-type"] = _JSON
        if form is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
            body = urlencode(form).encode()
        try:
            response = await self._http.request(method, url, content=body, headers=headers)
        except httpx.TransportError as error:
            raise Unreachable(f"{self._base} did not answer") from error
        if response.status_code in (502, 503, 504):
            raise Unreachable(f"{self._base} answered {response.status_code}")
        answer = _json(response)
        if response.status_code >= 400 or answer is None:
            raise Refused(response.status_code, answer)
        return answer


def _json(response: httpx.Response) -> dict[str, Any] | None:
    try:
        answer = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None
