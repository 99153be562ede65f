"""A service of the running installation, signing in as it does itself."""

from collections.abc import Mapping

import httpx

from bedside.identity import ServiceKey
from bedside.service import ServiceName, Settings


def token_of_service(settings: Settings, service: ServiceName, form: Mapping[str, str]) -> str:
    key = settings.service_proof(service)
    assert isinstance(key, ServiceKey), "what is installed without secrets signs in by keys"
    proof = key.proving(service, issuer=settings.issuer)
    answer = httpx.post(f"{settings.address('auth')}/token", data={**form, **proof})
    answer.raise_for_status()
    token: str = answer.json()["access_token"]
    return token
