"""`bedside healthy`: what a container asks itself. Standard library only: it runs every few seconds."""

import os
import urllib.error
import urllib.request

_PORTS = {"gateway": 0, "patients": 1, "encounters": 2, "auth": 3}
_TIMEOUT_S = 5


def healthy(service: str) -> bool:
    port = int(os.environ.get("BEDSIDE_PORT", "8000")) + _PORTS[service]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=_TIMEOUT_S) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
