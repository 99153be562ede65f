"""The generated tables, as they lie in the package."""

import gzip
from importlib.resources import files
from typing import Any

import orjson


def table(name: str) -> Any:
    """As `tools/build_definitions.py` wrote it."""
    packed = files("bedside.fhir.definitions").joinpath("generated", f"{name}.json.gz").read_bytes()
    return orjson.loads(gzip.decompress(packed))
