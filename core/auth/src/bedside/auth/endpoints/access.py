"""Each route says who may call it; an app with a route that does not say so is not started."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

_MARK = "x-access"

PUBLIC: dict[str, Any] = {_MARK: "public"}
"""Anybody. What is secret there is shown to its own browser or its own bearer only."""
CLIENT: dict[str, Any] = {_MARK: "client"}
"""A registered client, authenticated in the endpoint."""


def token_with(scope: str) -> dict[str, Any]:
    """A bearer of one of our access tokens with this scope."""
    return {_MARK: f"token {scope}"}


def access_of(route: APIRoute) -> str | None:
    return (route.openapi_extra or {}).get(_MARK)


def check_declared(app: FastAPI) -> None:
    undeclared = [route.path for route in api_routes(app) if access_of(route) is None]
    assert not undeclared, f"routes that do not say who may call them: {undeclared}"


def api_routes(app: FastAPI) -> list[APIRoute]:
    return [route for route in app.routes if isinstance(route, APIRoute)]
