"""Each route says who may call it; an app with a route that does not say so is not started."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

_MARK = "x-access"

PUBLIC: dict[str, Any] = {_MARK: "public"}
"""Anybody. What is secret there is shown to its own browser or its own bearer only."""
CLIENT: dict[str, Any] = {_MARK: "client"}
"""A registered client, authenticated in the endpoint."""

REGISTRATION: dict[str, Any] = {_MARK: "token of registration"}
"""The bearer of an initial access token, of a client's registration token, or of an access token that may register."""

SIGNED_IN: dict[str, Any] = {_MARK: "session"}
"""A browser in which somebody is signed in, whoever it is; others are asked to sign in."""


def token_with(scope: str) -> dict[str, Any]:
    """A bearer of one of our access tokens with this scope."""
    return {_MARK: f"token {scope}"}


def permission(word: str) -> dict[str, Any]:
    """A person whose token reads patients, and one of whose roles has this permission."""
    return {_MARK: f"permission {word}"}


def session_with(word: str) -> dict[str, Any]:
    """A browser in which somebody is signed in whose roles hold this word; others are asked to sign in, or refused."""
    return {_MARK: f"session {word}"}


def check_declared(app: FastAPI) -> None:
    undeclared = [str(route) for route in app.routes if access_of(route) is None]
    assert app.routes, "an app without routes has nothing to check"
    assert not undeclared, f"routes that do not say who may call them: {undeclared}"


def access_of(route: BaseRoute) -> str | None:
    """None for a route that does not say, of whatever kind."""
    return (route.openapi_extra or {}).get(_MARK) if isinstance(route, APIRoute) else None
