"""From sources to the body that this caller may see."""

from typing import Any

from pydantic import BaseModel

from bedside.clinical.directory import Directory
from bedside.clinical.disclosure import Restricted, Rights, restricted, visible
from bedside.clinical.moments import Moment
from bedside.clinical.resources import Patient
from bedside.gateway.viewing.declaration import View
from bedside.gateway.viewing.fetching import Fetched, Sources
from bedside.gateway.viewing.sources import Loaded, whole

_NOTHING_HIDDEN = Restricted(hidden=False, break_glass="not-needed")


def composed(view: View, sources: Sources, moment: Moment, rights: Rights) -> BaseModel:
    """Labelled records are left out; whether that changes anything is found by composing with them too.

    So `restricted` speaks of exactly the records that this view would have used, and of no others.
    """
    seen = {
        wanted.parameter: sources.found[wanted.parameter]
        if wanted.is_masked
        else _visible(sources.found[wanted.parameter], rights)
        for wanted in view.wanted
    }
    given: dict[str, Any] = _given(view, {Patient: sources.patient, Directory: sources.directory, Moment: moment})
    if not view.tells_restricted:
        return view.compose(**seen, **given)
    name = view.parameters[Restricted]
    hides = False
    if seen != sources.found:
        open_body = view.compose(**sources.found, **given, **{name: _NOTHING_HIDDEN})
        hides = open_body != view.compose(**seen, **given, **{name: _NOTHING_HIDDEN})
    told = restricted(hides=hides, whole=whole(*sources.found.values()), rights=rights)
    return view.compose(**seen, **given, **{name: told})


def _visible(source: Fetched, rights: Rights) -> Fetched:
    if not isinstance(source, Loaded):
        return source
    return Loaded(visible(source.items, rights), source.complete, source.problem)


def _given(view: View, values: dict[type, Any]) -> dict[str, Any]:
    return {name: values[kind] for kind, name in view.parameters.items() if kind in values}
