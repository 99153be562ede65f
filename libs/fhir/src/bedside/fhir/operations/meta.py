"""`$meta`, `$meta-add` and `$meta-delete`: profiles, tags and security labels.

https://hl7.org/fhir/R4/resource-operation-meta.html and the pages beside it. R4 leaves it to the server whether a
change of labels makes a version. Ours are never altered, so it does; a change that changes nothing makes none.
"""

from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from bedside.fhir import exact_json
from bedside.fhir.operations.answering import answered, parameters
from bedside.fhir.operations.arguments import Arguments
from bedside.fhir.operations.labels import LABELS_MAX, labelled
from bedside.fhir.operations.operation import Operation, Parameter
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.patches.patch import Patch
from bedside.fhir.rest.confinement import purview_of
from bedside.fhir.rest.exchange import Exchange
from bedside.fhir.rest.reading import version_read
from bedside.fhir.store.draft import Draft

_LABELS = ("profile", "security", "tag")
Meta = dict[str, Any]


async def _meta(exchange: Exchange, arguments: Arguments) -> Response:
    """Of one resource as it stands there; of a type, or of everything, the labels that are in use."""
    engine, reader = exchange.engine, exchange.engine.store.database
    if exchange.id:
        version = await version_read(
            reader, engine, exchange.caller, exchange.type_name, exchange.id, [], lenient=False
        )
        return answered(exchange, parameters(**{"return": {"valueMeta": _of(version.body)}}))
    purview = purview_of(exchange.caller)
    asked = [exchange.type_name] if exchange.type_name else sorted(engine.service.types)
    readable = [name for name in asked if purview.permits("r", name)]
    if not readable:
        raise Refused(403, [Issue("forbidden", "no granted scope permits to read any type here")])
    bodies = await labelled(reader, readable, purview)
    if len(bodies) > LABELS_MAX:
        text = f"more than {LABELS_MAX} labels are in use: ask of one type, or of one resource"
        raise Refused(400, [Issue("too-costly", text)])
    return answered(exchange, parameters(**{"return": {"valueMeta": together(map(_of, bodies))}}))


async def _add(exchange: Exchange, arguments: Arguments) -> Response:
    added = _labels(arguments)

    def patch(resource: dict[str, Any]) -> dict[str, Any]:
        return resource | {"meta": resource.get("meta", {}) | together([resource.get("meta", {}), added])}

    return await _changed(exchange, patch)


async def _delete(exchange: Exchange, arguments: Arguments) -> Response:
    gone = _labels(arguments)

    def patch(resource: dict[str, Any]) -> dict[str, Any]:
        meta = dict(resource.get("meta", {}))
        for name in _LABELS:
            removed = {_identity(label) for label in gone.get(name, ())}
            kept = [label for label in meta.pop(name, ()) if _identity(label) not in removed]
            meta |= {name: kept} if kept else {}
        return resource | {"meta": meta}

    return await _changed(exchange, patch)


async def _changed(exchange: Exchange, patch: Patch) -> Response:
    draft = Draft("patch", exchange.type_name, exchange.id, patch=patch, purview=purview_of(exchange.caller))
    (written,) = await exchange.engine.store.commit([draft], exchange.author)
    return answered(exchange, parameters(**{"return": {"valueMeta": _of(written.body)}}))


def _of(body: bytes) -> Meta:
    meta: Meta = exact_json.parse(body).get("meta", {})
    return meta


def _labels(arguments: Arguments) -> Meta:
    given = arguments.object("meta") or {}
    return {name: given[name] for name in _LABELS if name in given}


def together(metas: Iterable[Meta]) -> Meta:
    """Each label once, in the order met."""
    found: dict[str, dict[str, Any]] = {name: {} for name in _LABELS}
    for meta in metas:
        for name in _LABELS:
            for label in meta.get(name, ()):
                found[name].setdefault(_identity(label), label)
    return {name: list(labels.values()) for name, labels in found.items() if labels}


def _identity(label: Any) -> str:
    # A coding is the same whatever it is called: https://hl7.org/fhir/R4/resource-operation-meta-add.html
    return label if isinstance(label, str) else f"{label.get('system', '')}|{label.get('code', '')}"


META = Operation(
    code="meta",
    definition="http://hl7.org/fhir/OperationDefinition/Resource-meta",
    levels=("system", "type", "instance"),
    scope=("r",),
    handle=_meta,
)
META_ADD = Operation(
    code="meta-add",
    definition="http://hl7.org/fhir/OperationDefinition/Resource-meta-add",
    levels=("instance",),
    scope=("u",),
    parameters=(Parameter("meta", "Meta", required=True),),
    affects_state=True,
    handle=_add,
)
META_DELETE = Operation(
    code="meta-delete",
    definition="http://hl7.org/fhir/OperationDefinition/Resource-meta-delete",
    levels=("instance",),
    scope=("u",),
    parameters=(Parameter("meta", "Meta", required=True),),
    affects_state=True,
    handle=_delete,
)
