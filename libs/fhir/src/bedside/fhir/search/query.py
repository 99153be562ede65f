"""From the parameters of a search to a `Query`, strictly: what is not understood is refused, by name.

A filter that is ignored in silence shows the wrong patients. http://hl7.org/fhir/R4/search.html#errors
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search import chains, compartments, lists, several, shaping
from bedside.fhir.search.asked import VALUE_CHARACTERS_MAX, VALUES_MAX, Asked, Facility
from bedside.fhir.search.context import Context
from bedside.fhir.search.criteria import Always, Criterion, present
from bedside.fhir.search.escaping import split
from bedside.fhir.search.including import Include
from bedside.fhir.search.parameter_types import (
    composite,
    date,
    id,
    near,
    number,
    phonetic,
    quantity,
    reference,
    string,
    token,
    uri,
    words,
)
from bedside.fhir.search.parameters import WITHOUT_ROWS, Parameter, parameters
from bedside.fhir.search.sorting import SortKey
from bedside.fhir.search.spelling import shown, unknown
from bedside.fhir.search.subset import Subset

COUNT_DEFAULT = 20
COUNT_MAX = 1000
PARAMETERS_MAX = 100
Pair = tuple[str, str]
Handling = Literal["strict", "lenient"]

_CRITERIA: dict[str, Callable[[Asked], Criterion]] = {
    "number": number.criterion,
    "date": date.criterion,
    "string": string.criterion,
    "token": token.criterion,
    "reference": reference.criterion,
    "quantity": quantity.criterion,
    "uri": uri.criterion,
    "near": near.criterion,
    "phonetic": phonetic.criterion,
    "words": words.criterion,
}
# How the answer is written is not the search's business.
_OTHERS = frozenset({"_format", "_pretty"})


@dataclass(frozen=True)
class Query:
    """`applied` are the parameters as understood, for the `self` link; `warnings` tell what was left out (lenient).

    `page` is the sealed token of a later page, still to be opened.
    """

    context: Context
    criteria: tuple[Criterion, ...]
    sort: tuple[SortKey, ...]
    includes: tuple[Include, ...]
    revincludes: tuple[Include, ...]
    count: int
    total: shaping.Total
    count_only: bool
    subset: Subset | None
    page: str | None
    applied: tuple[Pair, ...]
    warnings: tuple[Issue, ...]

    @property
    def type_names(self) -> tuple[str, ...]:
        return self.context.type_names

    @property
    def address(self) -> str:
        """The path below the base."""
        return self.context.address


def parse(
    context: Context | str,
    pairs: Sequence[Pair],
    *,
    handling: Handling = "strict",
    facility: Facility | None = None,
    owned: Collection[str] | None = None,
) -> Query:
    """Refused (400) with every problem at once. Lenient leaves out unknown parameters and modifiers, and says so.

    `context` may be given as the name of the one type that is searched. `owned`: the types that can be joined here;
    None for all.
    """
    if len(pairs) > PARAMETERS_MAX:
        raise Refused(400, [Issue("too-costly", f"A search has at most {PARAMETERS_MAX} parameters")])
    if isinstance(context, str):
        context = Context.of_type(context)
    reading = _Reading(context, facility or Facility(), owned)
    applied: list[Pair] = [] if context.named is None else [("_type", context.named)]
    problems: list[Issue] = []
    warnings: list[Issue] = []
    for name, value in pairs:
        try:
            reading.take(name, value)
            if name != "_page" and name not in _OTHERS:
                applied.append((name, reading.applied(name, value)))
        except Refused as refused:
            issues = refused.issues
            if handling == "lenient" and all(issue.code == "not-supported" for issue in issues):
                warnings += [Issue(issue.code, issue.text, severity="warning") for issue in issues]
            else:
                problems += issues
    if problems:
        raise Refused(400, problems)
    return reading.query(tuple(applied), tuple(warnings))


class _Reading:
    """A query half read."""

    def __init__(self, context: Context, facility: Facility, owned: Collection[str] | None) -> None:
        self._context = context
        self._facility = facility
        self._owned = owned
        self._criteria: list[Criterion] = []
        if context.compartment is not None:
            self._criteria.append(compartments.within(context.compartment, context.type_names))
        self._shape = shaping.Shape(context.type_names, COUNT_DEFAULT, COUNT_MAX)

    def take(self, name: str, value: str) -> None:
        if not self._shape.take(name, value) and name not in _OTHERS:
            self._criteria.append(self._criterion(name, value))

    def applied(self, name: str, value: str) -> str:
        """The value as it was applied: `_count` may have been cut."""
        return str(self._shape.count) if name == "_count" else value

    def _criterion(self, name: str, value: str) -> Criterion:
        type_names = self._context.type_names
        if len(type_names) == 1:
            return criterion(type_names[0], name, value, self._facility, self._owned)
        return several.criterion(type_names, name, value, self._facility, self._owned, make=criterion)

    def query(self, applied: tuple[Pair, ...], warnings: tuple[Issue, ...]) -> Query:
        shape = self._shape
        shape.check()
        return Query(
            context=self._context,
            criteria=tuple(self._criteria),
            sort=shape.sort,
            includes=tuple(shape.includes),
            revincludes=tuple(shape.revincludes),
            count=shape.count,
            total=shape.total,
            count_only=shape.count_only or shape.count == 0,
            subset=shape.subset,
            page=shape.page,
            applied=applied,
            warnings=warnings,
        )


def criterion(
    type_name: str,
    name: str,
    value: str,
    facility: Facility,
    owned: Collection[str] | None,
    *,
    depth: int = 0,
    parameter: Parameter | None = None,
    type_names: tuple[str, ...] = (),
) -> Criterion:
    """One parameter. `depth` is how many chain links lead here.

    `type_names` are all the types it is asked of, where these are several that mean the same by it; `parameter` then
    speaks for all of them.
    """
    if name.startswith("_has:"):
        return chains.has(type_name, name, value, facility, owned, depth=depth, criterion=criterion)
    if "." in name:
        return chains.chained(type_name, name, value, facility, owned, depth=depth, criterion=criterion)
    code, _, modifier = name.partition(":")
    if code == lists.PARAMETER:
        return lists.criterion(name, value, owned)
    parameter = parameter or parameters(type_name).get(code)
    if parameter is None:
        raise Refused(400, [Issue("not-supported", unknown(type_name, code))])
    asked = Asked(
        type_name=type_name,
        code=code,
        modifier=modifier or None,
        values=_values(name, value),
        sps=parameter.sps,
        targets=parameter.targets,
        facility=facility,
        is_by_patient=parameter.is_by_patient,
        implied_systems=parameter.implied_systems if parameter.kind == "token" else frozenset(),
        type_names=type_names,
        is_identifier=parameter.is_identifier,
        has_text=parameter.has_text,
    )
    return _criterion(asked, parameter)


def _values(name: str, value: str) -> tuple[str, ...]:
    if not value or not value.isprintable() or "\x00" in value:
        raise Refused(400, [Issue("value", f"Parameter {shown(name)} has no value, or characters that cannot be")])
    values = tuple(split(value, ","))
    if len(values) > VALUES_MAX or any(len(each) > VALUE_CHARACTERS_MAX for each in values):
        raise Refused(
            400,
            [
                Issue(
                    "too-costly",
                    f"Parameter {shown(name)} has more than {VALUES_MAX} values,"
                    f" or one above {VALUE_CHARACTERS_MAX} characters",
                )
            ],
        )
    if not all(values):
        raise Refused(400, [Issue("value", f"Parameter {shown(name)} has an empty value in its list")])
    return values


def _criterion(asked: Asked, parameter: Parameter) -> Criterion:
    if asked.modifier == "missing":
        return _missing(asked, parameter)
    if asked.code == "_id":
        return id.criterion(asked)
    if asked.code == "_lastUpdated":
        return date.last_updated(asked)
    if parameter.kind == "composite":
        return composite.criterion(asked, parameter.components)
    return _CRITERIA[parameter.kind](asked)


def _missing(asked: Asked, parameter: Parameter) -> Criterion:
    if asked.values not in (("true",), ("false",)):
        asked.refuse("is true or false")
    is_missing = asked.values == ("true",)
    if asked.code in WITHOUT_ROWS:
        return Always(negated=is_missing)
    if parameter.kind == "words":
        return words.missing(asked, negated=is_missing)
    return present(asked.sps, negated=is_missing)
