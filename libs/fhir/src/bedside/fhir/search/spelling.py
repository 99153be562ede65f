"""What to say when a parameter is not known: its name, and the nearest that is."""

from difflib import get_close_matches

from bedside.fhir.definitions import definitions
from bedside.fhir.search.parameters import REFUSED, parameters

# Parameters that shape the answer.
SHAPING = (
    "_count", "_sort", "_include", "_revinclude", "_include:iterate", "_revinclude:iterate",
    "_include:recurse", "_revinclude:recurse",  # As R4's predecessors spelt `:iterate`.
    "_total", "_summary", "_elements", "_page"
)  # fmt: skip


def unknown(type_name: str, code: str) -> str:
    """A sentence without its full stop."""
    if code in REFUSED and code in definitions().search_parameters(type_name):
        return f"Parameter {code} is not answered here: {REFUSED[code]}"
    near = get_close_matches(code[:64], [*parameters(type_name), *SHAPING], n=1, cutoff=0.5)
    hint = f"; the nearest is {near[0]}" if near else ""
    return f"{type_name} has no search parameter {shown(code)}{hint}"


def shown(name: str) -> str:
    """A parameter's name as we may repeat it."""
    return name if name.isascii() and name.isprintable() and 0 < len(name) <= 100 else "(unreadable)"
