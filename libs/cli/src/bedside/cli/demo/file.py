"""`demo.json`: where everything is and who may sign in, for people and for `bedside token`."""

import os
from pathlib import Path
from typing import Any

import orjson

from bedside.cli.failure import Failure
from bedside.service.settings import SERVICES, Settings


def read_demo(data_dir: Path) -> dict[str, Any]:
    """Raises Failure when there is none."""
    path = data_dir / "demo.json"
    try:
        demo: dict[str, Any] = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise Failure(f"{path} is not there: start the platform with BEDSIDE_DEMO=1 first (./run.sh does)") from None
    return demo


def write_demo(settings: Settings, known: dict[str, Any]) -> dict[str, Any]:
    """It holds passwords, so only its owner may read it."""
    addresses: dict[str, str] = {service: settings.address(service) for service in SERVICES}
    demo: dict[str, Any] = {"gateway": addresses["gateway"], "fhir": settings.fhir_base, **addresses, **known}
    draft = settings.data_dir / ".demo.json"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(orjson.dumps(demo, option=orjson.OPT_INDENT_2))
    draft.replace(settings.data_dir / "demo.json")
    return demo
