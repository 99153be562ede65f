"""Facts read off what is being written: what the service declares, and that resources others name appear and go."""

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from bedside.events import Fact
from bedside.events.catalog import ResourceCreated, ResourceDeleted
from bedside.fhir import exact_json
from bedside.fhir.declaration import Change, Service
from bedside.fhir.definitions import definitions

if TYPE_CHECKING:
    from bedside.fhir.store.writer import Step


def facts(service: Service, step: "Step") -> list[Fact]:
    """What one version is told of."""
    return [*_existence(service, step), *_declared(service, step)]


@lru_cache(maxsize=8)
def named_elsewhere(service: Service) -> frozenset[str]:
    """The owned types that elements of other services' types name as target."""
    targets = definitions().reference_targets()
    elsewhere = {
        target for path, named in targets.items() if path.partition(".")[0] not in service.types for target in named
    }
    return service.types & elsewhere


def model(type_name: str, resource: dict[str, Any]) -> Any:
    """The R4B model. Its modules are slow to import, so each comes when first needed."""
    module = import_module(f"fhir.resources.R4B.{type_name.lower()}")
    return getattr(module, type_name).model_validate(resource)


def _existence(service: Service, step: "Step") -> list[Fact]:
    if step.draft.type_name not in named_elsewhere(service) or step.op == "U":
        return []
    event = ResourceDeleted() if step.op == "D" else ResourceCreated()
    return [Fact(event, subject=step.draft.key, version=step.version)]


def _declared(service: Service, step: "Step") -> list[Fact]:
    owned = service.owned(step.draft.type_name)
    if owned is None or not owned.tells:
        return []
    before = step.before
    change = Change(
        before=None if before is None or before.deleted else model(owned.type_name, exact_json.parse(before.body)),
        after=None if step.resource is None else model(owned.type_name, step.resource),
        version=step.version,
        type_name=owned.type_name,
        id=step.draft.id,
    )
    return [fact for tell in owned.tells for fact in tell(change)]
