"""`@view`: a pure function whose parameters say what it needs, as something the gateway can serve."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from bedside.clinical.directory import Directory
from bedside.clinical.disclosure import Restricted
from bedside.clinical.moments import Moment
from bedside.clinical.resources import Patient
from bedside.gateway.viewing.sources import Found, Loaded, Masked, ReferringTo, Safety, Sections

Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True)
class Wanted:
    """One source: `query` is its search, `{id}` standing for the patient's id."""

    parameter: str
    type_name: str
    query: tuple[tuple[str, str], ...]
    sections: tuple[str, ...]
    is_safety: bool
    is_masked: bool


@dataclass(frozen=True)
class View:
    """`path` is below `/v1/{role}/`. `parameters` maps what is not a source to the names the function gave it."""

    name: str
    roles: tuple[str, ...]
    path: str
    wanted: tuple[Wanted, ...]
    referred_types: tuple[str, ...]
    parameters: Mapping[type, str]
    result: type[BaseModel]
    compose: Callable[..., BaseModel]

    @property
    def tells_restricted(self) -> bool:
        return Restricted in self.parameters


def view(roles: str | tuple[str, ...], path: str) -> Callable[[Callable[..., Body]], View]:
    """Raises TypeError, when the module is imported, for a parameter that says nothing."""

    def declared(compose: Callable[..., Body]) -> View:
        hints = get_type_hints(compose, include_extras=True)
        result = hints.pop("return")
        wanted: list[Wanted] = []
        parameters: dict[type, str] = {}
        referred: tuple[str, ...] = ()
        for name in inspect.signature(compose).parameters:
            bare, marks = _taken_apart(hints[name])
            type_name = _loaded_type(bare)
            if type_name:
                wanted.append(_wanted(name, type_name, marks))
            elif bare in (Patient, Directory, Moment, Restricted):
                parameters[bare] = name
                referred = next((mark.type_names for mark in marks if isinstance(mark, ReferringTo)), referred)
            else:
                raise TypeError(f"{compose.__name__}: nothing says where {name} comes from")
        return View(
            name=compose.__name__.replace("_", "-"),
            roles=(roles,) if isinstance(roles, str) else roles,
            path=path,
            wanted=tuple(wanted),
            referred_types=referred,
            parameters=parameters,
            result=result,
            compose=compose,
        )

    return declared


def _wanted(name: str, type_name: str, marks: tuple[Any, ...]) -> Wanted:
    query = tuple((mark.parameter, mark.value) for mark in marks if isinstance(mark, Found))
    if not query:
        raise TypeError(f"{name}: nothing says how it is found")
    named = next((mark.names for mark in marks if isinstance(mark, Sections)), (to_camel(name),))
    return Wanted(
        parameter=name,
        type_name=type_name,
        query=query,
        sections=named,
        is_safety=any(isinstance(mark, Safety) for mark in marks),
        is_masked=any(isinstance(mark, Masked) for mark in marks),
    )


def _taken_apart(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    if get_origin(hint) is Annotated:
        bare, *marks = get_args(hint)
        return bare, tuple(marks)
    return hint, ()


def _loaded_type(bare: Any) -> str | None:
    """`Condition` of `Loaded[Condition] | Unavailable`."""
    for part in get_args(bare):
        if get_origin(part) is Loaded:
            return str(get_args(part)[0].__name__)
    return None
