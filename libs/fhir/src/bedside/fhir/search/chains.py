"""Criteria on what a resource refers to (`subject:Patient.name`) and on what refers to it (`_has`).

http://hl7.org/fhir/R4/search.html#chaining
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from bedside.fhir.definitions import definitions
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search import canonicals
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.criteria import Criterion, Reach, Statement, sp_among
from bedside.fhir.search.parameters import Parameter, parameters
from bedside.fhir.search.spelling import shown, unknown

LINKS_MAX = 4
# `query.criterion`, handed in because a chain ends in any parameter.
MakeCriterion = Callable[..., Criterion]


@dataclass(frozen=True)
class Chained:
    """Refers, by `sps`, to a resource of `target` for which `inner` holds."""

    sps: tuple[int, ...]
    target: str
    inner: Criterion

    def test(self, statement: Statement, version: str) -> str:
        t = statement.alias()
        return statement.exists(
            f"ix_ref i JOIN version {t} ON {t}.rid = i.trid WHERE i.vid = {version}.vid"
            f" AND {sp_among('i', self.sps)} AND {statement.visible(t, self.target)}"
            f" AND {self.inner.test(statement, t)}"
        )

    def rows(self, statement: Statement) -> str | None:
        t = statement.alias()
        source, said = _source(statement, self.inner, t)
        return (
            f"SELECT i.vid FROM {source} JOIN ix_ref i ON i.trid = {t}.rid AND {sp_among('i', self.sps)}"
            f" WHERE {statement.visible(t, self.target)}{said}"
        )

    @property
    def reach(self) -> Reach:
        return "wide"


@dataclass(frozen=True)
class Referred:
    """A resource of `source`, for which `inner` holds, refers to this one by `sps`."""

    sps: tuple[int, ...]
    source: str
    inner: Criterion

    def test(self, statement: Statement, version: str) -> str:
        t = statement.alias()
        return statement.exists(
            f"ix_ref i JOIN version {t} ON {t}.vid = i.vid WHERE i.trid = {version}.rid"
            f" AND {sp_among('i', self.sps)} AND {statement.visible(t, self.source)}"
            f" AND {self.inner.test(statement, t)}"
        )

    def rows(self, statement: Statement) -> str | None:
        t, found = statement.alias(), statement.alias()
        source, said = _source(statement, self.inner, t)
        return (
            f"SELECT {found}.vid FROM {source} JOIN ix_ref i ON i.vid = {t}.vid AND {sp_among('i', self.sps)}"
            f" JOIN version {found} ON {found}.rid = i.trid WHERE {statement.visible(t, self.source)}{said}"
        )

    @property
    def reach(self) -> Reach:
        return "wide"


@dataclass(frozen=True)
class AnyLink:
    """Where a chain does not say which type is meant: any that can be."""

    any_of: tuple[Criterion, ...]

    def test(self, statement: Statement, version: str) -> str:
        return "(" + " OR ".join(each.test(statement, version) for each in self.any_of) + ")"

    def rows(self, statement: Statement) -> str | None:
        return " UNION ALL ".join(each.rows(statement) or "" for each in self.any_of)

    @property
    def reach(self) -> Reach:
        return "wide"


def _source(statement: Statement, inner: Criterion, t: str) -> tuple[str, str]:
    """The FROM clause that yields versions `t` that may be meant, and what is still to be tested of them."""
    rows = inner.rows(statement)
    if rows is None:
        return f"version {t}", f" AND {inner.test(statement, t)}"
    d = f"{t}d"
    return f"(SELECT DISTINCT vid FROM ({rows}) {d}i) {d} JOIN version {t} ON {t}.vid = {d}.vid", ""


def chained(
    type_name: str,
    name: str,
    value: str,
    facility: Facility,
    owned: Collection[str] | None,
    *,
    depth: int,
    criterion: MakeCriterion,
) -> Criterion:
    """`subject:Patient.name`, `subject.name`, `encounter.location.name`."""
    _bounded(depth)
    link, _, rest = name.partition(".")
    code, _, wanted = link.partition(":")
    parameter = _reference(type_name, code)
    able = targets(parameter, wanted, rest)
    here = [target for target in able if owned is None or target in owned]
    if not here:
        raise _not_here(name)
    links: list[Criterion] = []
    for target in here:
        inner = criterion(target, rest, value, facility, owned, depth=depth + 1)
        links.append(Chained(parameter.sps, target, inner))
        if by := canonicals.link(parameter, target):
            links.append(canonicals.CanonicallyChained(by, inner))
    return links[0] if len(links) == 1 else AnyLink(tuple(links))


def targets(parameter: Parameter, wanted: str, rest: str) -> list[str]:
    """The types that the next link of a chain may lead to; `wanted` as in `subject:Patient`, or empty.

    Refused when none can be asked `rest`.
    """
    if wanted:
        if wanted not in parameter.targets:
            raise _refused(f"Parameter {parameter.code} does not refer to {shown(wanted)}")
        return [wanted]
    code = rest.partition(".")[0].partition(":")[0]
    able = [target for target in parameter.targets if _can_be_asked(target, code, rest)]
    if not able:
        raise _refused(f"Nothing that {parameter.code} refers to has a search parameter {shown(code)}")
    return able


def _can_be_asked(target: str, code: str, rest: str) -> bool:
    if code != "_has":
        return code in parameters(target) or code == "_list"
    _, source, reference, *_ = [*rest.split(":", 3), "", ""]
    if source not in definitions().resource_types:
        return False
    back = parameters(source).get(reference)
    return back is not None and target in back.targets


def has(
    type_name: str,
    name: str,
    value: str,
    facility: Facility,
    owned: Collection[str] | None,
    *,
    depth: int,
    criterion: MakeCriterion,
) -> Criterion:
    """`_has:Observation:patient:code`."""
    _bounded(depth)
    parts = name.split(":", 3)
    if len(parts) != 4 or parts[1] not in definitions().resource_types:
        raise _refused("Parameter _has is written as _has:Type:reference:parameter")
    _, source, code, rest = parts
    parameter = _reference(source, code)
    if type_name not in parameter.targets:
        raise _refused(f"Parameter _has: {source}:{parameter.code} does not refer to {type_name}")
    if owned is not None and source not in owned:
        raise _not_here(name)
    inner = criterion(source, rest, value, facility, owned, depth=depth + 1)
    referred = Referred(parameter.sps, source, inner)
    if by := canonicals.link(parameter, type_name):
        return AnyLink((referred, canonicals.CanonicallyReferred(by, source, inner)))
    return referred


def _reference(type_name: str, code: str) -> Parameter:
    parameter = parameters(type_name).get(code)
    if parameter is None:
        raise Refused(400, [Issue("not-supported", unknown(type_name, code))])
    if parameter.kind != "reference":
        raise _refused(f"Parameter {parameter.code} is not a reference, so nothing can be asked of its target")
    return parameter


def _bounded(depth: int) -> None:
    if depth >= LINKS_MAX:
        raise Refused(400, [Issue("too-costly", f"A chain has at most {LINKS_MAX} links")])


def _refused(why: str) -> Refused:
    return Refused(400, [Issue("value", why)])


def _not_here(name: str) -> Refused:
    return Refused(400, [Issue("not-supported", f"Parameter {shown(name)} asks of a type that another service owns")])
