"""How each service proves itself to auth: by a key of its own, or by a secret where one was given.

With one variable per service, each process can be given its own key, and auth the public halves.
"""

import os
from pathlib import Path
from typing import Any

from bedside.identity.service_key import ServiceKey, UnusableKey, public_keys_of_service
from bedside.service.secrets import given_secret, kept


def proof_of(service: str, data_dir: Path) -> ServiceKey | str:
    """`BEDSIDE_SERVICE_KEY_<NAME>`, else a secret that was given, else the key in a file of the data folder.

    Raises UnusableKey, naming the variable.
    """
    return given_key(service) or given_secret(service) or _kept_key(service, data_dir)


def public_keys_of(service: str, data_dir: Path) -> dict[str, Any] | None:
    """What auth knows it by, as a JWK Set: `BEDSIDE_SERVICE_PUBLIC_KEY_<NAME>`, else of the key it proves itself by.

    None where it proves itself by a secret. Raises UnusableKey, naming the variable.
    """
    if (public := given_public_keys(service)) is not None:
        return public
    proof = proof_of(service, data_dir)
    return proof.public if isinstance(proof, ServiceKey) else None


def given_key(service: str) -> ServiceKey | None:
    name = f"BEDSIDE_SERVICE_KEY_{service.upper()}"
    try:
        return ServiceKey.read(os.environ[name]) if os.environ.get(name) else None
    except UnusableKey as error:
        raise UnusableKey(f"{name}: {error}") from None


def given_public_keys(service: str) -> dict[str, Any] | None:
    name = f"BEDSIDE_SERVICE_PUBLIC_KEY_{service.upper()}"
    try:
        return public_keys_of_service(os.environ[name]) if os.environ.get(name) else None
    except UnusableKey as error:
        raise UnusableKey(f"{name}: {error}") from None


def _kept_key(service: str, data_dir: Path) -> ServiceKey:
    path = data_dir / "keys" / f"service-{service}.key"
    return ServiceKey.read(path.read_text() if path.exists() else kept(path, ServiceKey.generated().pem))
