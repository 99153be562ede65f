"""One parameter asked of several types at once: only what all of them have. http://hl7.org/fhir/R4/search.html#all"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from bedside.fhir.definitions import definitions
from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.asked import Facility
from bedside.fhir.search.criteria import Criterion, Reach, Statement
from bedside.fhir.search.parameters import Parameter, parameters
from bedside.fhir.search.spelling import shown, unknown

# Criteria that one parameter may become. Most types share one; codes of differing systems need one each.
CRITERIA_MAX = 80
VALUES_MAX = 4000
# `query.criterion`, handed in because it ends in any kind of parameter.
MakeCriterion = Callable[..., Criterion]


@dataclass(frozen=True)
class ByType:
    """For each of these groups of types its own criterion."""

    any_of: tuple[tuple[tuple[str, ...], Criterion], ...]

    def test(self, statement: Statement, version: str) -> str:
        said = (
            f"({version}.type_id IN ({_ids(type_names)}) AND {criterion.test(statement, version)})"
            for type_names, criterion in self.any_of
        )
        return "(" + " OR ".join(said) + ")"

    def rows(self, statement: Statement) -> str | None:
        sets = [criterion.rows(statement) for _, criterion in self.any_of]
        return None if any(each is None for each in sets) else " UNION ALL ".join(each for each in sets if each)

    @property
    def reach(self) -> Reach:
        return "wide"


def _ids(type_names: Sequence[str]) -> str:
    return ", ".join(str(definitions().type_id(name)) for name in type_names)


def criterion(
    type_names: tuple[str, ...],
    name: str,
    value: str,
    facility: Facility,
    owned: Collection[str] | None,
    *,
    make: MakeCriterion,
) -> Criterion:
    """Refused with the first type that has no such parameter."""
    groups = _all_groups(type_names, name)
    if len(groups) > CRITERIA_MAX or len(groups) * (value.count(",") + 1) > VALUES_MAX:
        text = f"Parameter {shown(name)} is asked of too many types or values at once; ask less with _type"
        raise Refused(400, [Issue("too-costly", text)])
    made = tuple(
        (group, make(group[0], name, value, facility, owned, parameter=parameter, type_names=group))
        for group, parameter in groups
    )
    return made[0][1] if len(made) == 1 else ByType(made)


_Groups = list[tuple[tuple[str, ...], Parameter | None]]


def _all_groups(type_names: tuple[str, ...], name: str) -> _Groups:
    if name.startswith("_has:") or "." in name:
        return [((type_name,), None) for type_name in type_names]
    # A list may name any type, so nothing is to be told apart.
    return [(type_names, None)] if name.partition(":")[0] == "_list" else _groups(type_names, name)


def _groups(type_names: tuple[str, ...], name: str) -> _Groups:
    """The types for which the parameter means just the same, with all their index numbers in one."""
    code = name.partition(":")[0]
    alike: dict[object, list[Parameter]] = {}
    for type_name in type_names:
        parameter = common(type_name, code)
        alike.setdefault(_meaning(parameter), []).append(parameter)
    return [
        (
            tuple(each.type_name for each in same),
            replace(same[0], sps=tuple(sorted({sp for each in same for sp in each.sps}))),
        )
        for same in alike.values()
    ]


def common(type_name: str, code: str) -> Parameter:
    """Refused when this type has no such parameter."""
    parameter = parameters(type_name).get(code)
    if parameter is None:
        text = f"{unknown(type_name, code)}; a search of several types takes what all of them have"
        raise Refused(400, [Issue("not-supported", text)])
    return parameter


def _meaning(parameter: Parameter) -> object:
    held = definitions().compartment_parameters("Patient", parameter.type_name)
    return (
        parameter.kind,
        parameter.targets,
        tuple((part.code, part.kind) for part in parameter.components),
        parameter.implied_systems if parameter.kind == "token" else None,
        (parameter.is_by_patient, parameter.is_identifier, parameter.has_text),
        # What decides whether all matches lie in a patient's compartment.
        parameter.kind == "reference" and (parameter.code in held, "subject" in held),
    )
