"""A route says who may call it; what does not say is found, wherever it hides."""

from typing import Any, ClassVar

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from bedside.identity.access import PUBLIC, access, access_of, check_declared, every_route, methods_of, role


@access(PUBLIC)
async def shown(request: Any) -> None: ...


@access(role("nurse"))
async def ward(request: Any) -> None: ...


async def forgotten(request: Any) -> None: ...


class Several:
    access: ClassVar = {"GET": "public", "POST": "fhir c"}
    methods = ("GET", "HEAD", "POST")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


class Wrapper:
    def __init__(self, app: Any) -> None:
        self.app = app


class Files:
    access = PUBLIC


def said(app: Any) -> set[tuple[str, str, str | None]]:
    return {(path, method, access_of(r, method)) for path, r in every_route(app) for method in methods_of(r)}


def test_every_route_is_found_through_mounts_and_wrappers() -> None:
    inside = Wrapper(Starlette(routes=[Route("/ward", ward), Mount("/static", Files())]))
    app = Wrapper(Starlette(routes=[Route("/", shown), Route("/fhir", Several()), Mount("/v1", inside)]))
    assert said(app) == {
        ("/", "GET", "public"),
        ("/fhir", "GET", "public"),
        ("/fhir", "POST", "fhir c"),
        ("/v1/ward", "GET", "role nurse"),
        ("/v1/static/{path:path}", "GET", "public"),
    }
    check_declared(app)


@pytest.mark.parametrize(
    "hidden",
    [
        Route("/x", forgotten),
        Mount("/x", Starlette(routes=[Route("/y", forgotten)])),
        Mount("/x", Wrapper(Starlette(routes=[Route("/y", forgotten)]))),
        Mount("/x", object()),  # type: ignore[arg-type]
        Route("/x", Several(), methods=["PATCH"]),
    ],
)
def test_a_route_that_does_not_say_keeps_the_app_from_starting(hidden: Any) -> None:
    with pytest.raises(AssertionError, match=r"routes that do not say who may call them: .*/x"):
        check_declared(Starlette(routes=[Route("/", shown), hidden]))


def test_a_word_that_nobody_knows_is_no_access() -> None:
    with pytest.raises(AssertionError, match="is no access"):
        access("everybody")(shown)
