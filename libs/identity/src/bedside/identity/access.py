"""Each route says where it is declared who may call it. One that does not say keeps its app from starting.

What is said is a word and, after a space, what it needs. The route walk of the system tests derives from these words
what it expects of every route.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

PUBLIC = "public"
"""Anybody. What is secret there is shown to its own browser or its own bearer only."""
CLIENT = "client"
"""A registered client, authenticated in the endpoint."""
SESSION = "session"
"""A browser in which somebody is signed in; others are sent to sign in. `session WORD`: whose roles hold the word."""
SERVICES = "services"
"""A service of this installation, in its own name."""
WORDS = frozenset({PUBLIC, CLIENT, SESSION, SERVICES, "token", "role", "permission", "fhir"})
_MARK = "x-access"
E = TypeVar("E", bound=Callable[..., Any])


def token_with(scope: str) -> str:
    """A bearer whose token has this scope."""
    return f"token {scope}"


def role(name: str) -> str:
    """A bearer who holds the role."""
    return f"role {name}"


def permission(word: str) -> str:
    """A person whose token reads patients, and one of whose roles has this permission, such as `glass`."""
    return f"permission {word}"


def fhir(letter: str) -> str:
    """A bearer whose scopes permit the interaction (`c r u d s`) on the type in the path.

    `entries`: on whatever the request turns out to touch.
    """
    return f"fhir {letter}"


def access(said: str) -> Callable[[E], E]:
    """Above an endpoint: who may call it."""
    assert _is_access(said), f"{said!r} is no access"

    def declared(endpoint: E) -> E:
        endpoint.access = said  # type: ignore[attr-defined]
        return endpoint

    return declared


def access_of(route: Any, method: str = "GET") -> str | None:
    """None for a route that does not say. FastAPI's routes may say it in `openapi_extra` as `x-access`.

    An endpoint of several methods may say it for each.
    """
    said = (getattr(route, "openapi_extra", None) or {}).get(_MARK) or getattr(route, "access", None)
    if said is None:
        said = getattr(getattr(route, "endpoint", None), "access", None)
    if isinstance(said, Mapping):
        said = said.get(method)
    return said if isinstance(said, str) and _is_access(said) else None


def methods_of(route: Any) -> tuple[str, ...]:
    """What can be asked there, HEAD left out; `GET` where the route does not say."""
    named = getattr(route, "methods", None) or getattr(getattr(route, "endpoint", None), "methods", None) or {"GET"}
    return tuple(sorted(set(named) - {"HEAD"}))


def every_route(app: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each route of an ASGI app with its whole path, through mounts and wrappers (`.app`)."""
    routes: Iterable[Any] | None = getattr(app, "routes", None)
    inner = getattr(app, "app", None)
    if routes is None and inner is not None:
        yield from every_route(inner, prefix)
        return
    for route in routes or ():
        path = prefix + getattr(route, "path", "")
        mounted = getattr(route, "app", None) if hasattr(route, "routes") else None
        if mounted is None:
            yield path, route
        elif getattr(mounted, "routes", None) is None and getattr(mounted, "app", None) is None:
            yield f"{path}/{{path:path}}", mounted
        else:
            yield from every_route(mounted, path)


def check_declared(app: Any) -> None:
    """AssertionError, naming each route that does not say who may call it."""
    routes = list(every_route(app))
    assert routes, "an app without routes has nothing to check"
    undeclared = [
        f"{method} {path}" for path, route in routes for method in methods_of(route) if access_of(route, method) is None
    ]
    assert not undeclared, f"routes that do not say who may call them: {undeclared}"


def _is_access(said: str) -> bool:
    return said.partition(" ")[0] in WORDS
