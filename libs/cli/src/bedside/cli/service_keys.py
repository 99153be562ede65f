"""`bedside keys services`: a key for each service, as lines of an environment file."""

from collections.abc import Iterator

from bedside.identity import ServiceKey
from bedside.service.settings import SERVICES


def made() -> Iterator[str]:
    """The private key is for that service alone, the public one for auth, which knows its own. Nothing is kept here."""
    for service in SERVICES:
        key = ServiceKey.generated()
        yield f"BEDSIDE_SERVICE_KEY_{service.upper()}={key.line}"
        if service != "auth":
            yield f"BEDSIDE_SERVICE_PUBLIC_KEY_{service.upper()}={key.public_line}"
