"""Somebody at the SCIM door, and how they are refused."""

from dataclasses import dataclass
from typing import Any

import httpx

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


@dataclass
class Scim:
    """Somebody at the SCIM door, with a token."""

    http: httpx.AsyncClient
    bearer: str

    async def ask(self, method: str, path: str, *, etag: str | None = None, **sent: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.bearer}"} | ({"If-Match": etag} if etag else {})
        return await self.http.request(method, f"/scim/v2{path}", headers=headers, **sent)

    async def found(self, expression: str) -> list[str]:
        answer = await self.ask("GET", "/Users", params={"filter": expression})
        assert answer.status_code == 200, answer.text
        return [user["userName"] for user in answer.json().get("Resources", [])]

    async def patch(self, user_id: str, *operations: dict[str, Any], **more: Any) -> httpx.Response:
        return await self.ask("PATCH", f"/Users/{user_id}", json={"schemas": [PATCH], "Operations": operations}, **more)

    async def create(self, username: str, **more: Any) -> dict[str, Any]:
        answer = await self.ask("POST", "/Users", json={"schemas": [USER], "userName": username} | more)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


def refusal(answer: httpx.Response) -> tuple[int, str | None, str]:
    body = answer.json()
    assert body["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert answer.headers["content-type"] == "application/scim+json"
    return answer.status_code, body.get("scimType"), body.get("detail", "")
