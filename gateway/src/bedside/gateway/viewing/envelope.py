"""R0: what every answer says about itself, beside its body."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, create_model

from bedside.clinical.shown import Shown, Status
from bedside.gateway.viewing.declaration import View
from bedside.gateway.viewing.fetching import Sources
from bedside.gateway.viewing.sources import Loaded

VIEW_VERSION = "1"


class SectionMeta(Shown):
    status: Status
    source: str
    fetched_at: str | None
    age_seconds: int | None
    problem: str | None


class Meta(Shown):
    view: str
    view_version: str
    generated_at: str
    as_of: str | None
    time_zone: str
    completeness: Literal["complete", "partial"]
    request_id: str | None
    sections: dict[str, SectionMeta]


class Problem(BaseModel):
    """https://www.rfc-editor.org/rfc/rfc9457"""

    model_config = ConfigDict(extra="allow")

    type: str
    status: int
    title: str


def answer_model(view: View) -> type[BaseModel]:
    """The body and its meta, for OpenAPI."""
    name = "".join(word.capitalize() for word in view.name.split("-"))
    return create_model(f"{name}Answer", __base__=view.result, meta=(Meta, ...))


def section_metas(view: View, sources: Sources) -> dict[str, SectionMeta]:
    """A section that lives on several sources is as good as the worst of them."""
    metas: dict[str, SectionMeta] = {}
    for wanted in view.wanted:
        meta = _section(wanted.type_name, sources, wanted.parameter)
        for name in wanted.sections:
            known = metas.get(name)
            metas[name] = meta if known is None or _WORSE_LATER.index(meta.status) > _known(known) else known
    if not sources.directory.complete:
        metas["names"] = SectionMeta(
            status="partial", source=",".join(view.referred_types), fetched_at=None, age_seconds=None,
            problem="unreachable",
        )  # fmt: skip
    return metas


_WORSE_LATER: tuple[Status, ...] = ("ok", "stale", "partial", "unavailable")


def _known(meta: SectionMeta) -> int:
    return _WORSE_LATER.index(meta.status)


def _section(type_name: str, sources: Sources, parameter: str) -> SectionMeta:
    source = sources.found[parameter]
    status: Status = "unavailable"
    if isinstance(source, Loaded):
        status = "ok" if source.complete else "partial"
    fetched = isinstance(source, Loaded)
    return SectionMeta(
        status=status,
        source=type_name,
        fetched_at=sources.fetched_at.isoformat(timespec="milliseconds") if fetched else None,
        age_seconds=0 if fetched else None,
        problem=source.problem,
    )
