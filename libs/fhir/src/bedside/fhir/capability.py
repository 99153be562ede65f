"""The CapabilityStatement, generated from what is registered: https://hl7.org/fhir/R4/capabilitystatement.html"""

from collections.abc import Iterable
from typing import Any

import orjson
from starlette.responses import Response

from bedside.fhir.capability_modes import in_mode
from bedside.fhir.definitions import definitions
from bedside.fhir.operations.operation import Level
from bedside.fhir.patches.reading import FORMATS as PATCH_FORMATS
from bedside.fhir.profiles import held
from bedside.fhir.rest.as_of import DOCUMENTATION as AS_OF
from bedside.fhir.rest.engine import Engine
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.interaction import Interaction
from bedside.fhir.search import advertised
from bedside.fhir.search.parameters import parameters

_BULK_DATA = "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"
_SYSTEM = ("transaction", "batch", "search-system", "history-system")
# R4 has no code for a search in a compartment: who can search types can search them there.
_UNNAMED = ("capabilities", "existence", "search-compartment", "export", "operation")


def capability_statement(engine: Engine, interactions: Iterable[Interaction]) -> dict[str, Any]:
    """What this service serves, as `Instance.rest.resource`, by type."""
    served = {interaction.code for interaction in interactions}
    system = [code for code in _SYSTEM if code in served or (code == "batch" and "transaction" in served)]
    codes = sorted(served - {*_SYSTEM, *_UNNAMED})
    operations = _operations(engine, "") + _defined(engine, "")
    started = engine.started.isoformat(timespec="seconds").replace("+00:00", "Z")
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": started,
        "kind": "instance",
        **({"instantiates": [_BULK_DATA]} if "export" in served else {}),
        "software": {"name": "Bedside", "version": "0.1.0"},
        "implementation": {"description": f"Bedside: {engine.service.name}", "url": engine.base_url},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/json"],
        "patchFormat": list(PATCH_FORMATS),
        "rest": [
            {
                "mode": "server",
                "documentation": AS_OF,
                "security": {
                    "service": [
                        {
                            "coding": [
                                {
                                    "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                                    "code": "SMART-on-FHIR",
                                }
                            ]
                        }
                    ]
                },
                "resource": [_resource(engine, each, codes) for each in sorted(engine.service.types)],
                "interaction": [{"code": code} for code in system],
                "searchParam": advertised.of_all(engine.service.types),
                **({"operation": operations} if operations else {}),
            }
        ],
    }


def _resource(engine: Engine, type_name: str, codes: list[str]) -> dict[str, Any]:
    known = parameters(type_name)
    told = definitions().search_parameters(type_name)
    described = {
        "type": type_name,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{type_name}",
        "supportedProfile": list(held().by_type.get(type_name, ())),
        "interaction": [{"code": code} for code in codes],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": True,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": True,
        "conditionalDelete": "single",
        "referencePolicy": ["literal", "local", "enforced"],
        "searchInclude": advertised.includes(type_name),
        "searchRevInclude": advertised.revincludes(type_name, engine.service.types),
        "searchParam": [
            {"name": code, "definition": told[code].url, "type": told[code].type} for code in sorted(known)
        ],
        "operation": _operations(engine, type_name) + _defined(engine, type_name),
    }
    return {name: value for name, value in described.items() if value != []}


def _operations(engine: Engine, type_name: str) -> list[dict[str, str]]:
    """Those of the type, or of everything when it is empty."""
    levels: tuple[Level, ...] = ("type", "instance") if type_name else ("system",)
    return [
        {"name": operation.code, "definition": operation.definition}
        for operation in sorted(engine.operations, key=lambda operation: operation.code)
        if any(operation.serves(level, type_name, engine.service.types) for level in levels)
    ]


def _defined(engine: Engine, type_name: str) -> list[dict[str, str]]:
    """Interactions that are operations, by where they answer: `/$export`, `/Patient/$export`, `/Group/{id}/$export`."""
    addresses = {each.path: each.definition for each in engine.interactions if each.definition is not None}
    at = f"/{type_name}/" if type_name else "/$"
    return [
        {"name": path.rpartition("$")[2], "definition": definition}
        for path, definition in addresses.items()
        if path.startswith(at)
    ]


async def _capabilities(exchange: Exchange) -> Response:
    mode = next((value for name, value in exchange.pairs if name == "mode"), "full")
    statement = in_mode(capability_statement(exchange.engine, exchange.engine.interactions), mode)
    return Response(exchange.wanted.body(orjson.dumps(statement)), media_type=exchange.wanted.media_type)


CAPABILITIES = Interaction("capabilities", "GET", "/metadata", "public", _capabilities)
