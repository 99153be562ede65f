"""What the tests of reads and histories begin with."""

from datetime import UTC, datetime
from typing import Any

from bedside.fhir.rest.testing import Served


class ManualClock:
    """Stands still until it is set."""

    def __init__(self, now: str) -> None:
        self.set(now)

    def set(self, now: str) -> None:
        self._now = datetime.fromisoformat(now).astimezone(UTC)

    def now(self) -> datetime:
        return self._now


def patient(id: str = "p1", **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, "name": [{"family": "Okafor"}], **elements}


def observation(id: str, of: str, **elements: Any) -> dict[str, Any]:
    resource = {"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"}}
    return {**resource, "subject": {"reference": f"Patient/{of}"}, **elements}


async def put(server: Served, resource: dict[str, Any], **headers: str) -> Any:
    address = f"/fhir/{resource['resourceType']}/{resource['id']}"
    response = await server.http.put(address, json=resource, headers=headers)
    assert response.status_code in (200, 201), response.text
    return response


def links(bundle: dict[str, Any]) -> dict[str, str]:
    """The address of each link relation."""
    return {link["relation"]: link["url"] for link in bundle.get("link", [])}
