"""Registration and launches, described."""

from typing import Any

from bedside.auth.description.parts import (
    BAD_TOKEN,
    BEARER,
    REFUSED,
    TOO_LARGE,
    TOO_LITTLE,
    document,
    either,
    empty,
    in_path,
    operation,
    problem,
    says,
)

CLIENTS: dict[str, Any] = {
    "/register": {
        "post": operation(
            "Register a client (RFC 7591): with a one-time token from the console, or an access token that holds"
            " `clients.manage`",
            {
                201: says("Registered; secrets are shown this once", "Registered"),
                400: REFUSED,
                401: BAD_TOKEN,
                403: TOO_LITTLE,
                413: TOO_LARGE,
            },
            requestBody=document("Registration"),
            **BEARER,
        )
    },
    "/register/{client_id}": {
        "parameters": in_path("client_id"),
        "get": operation(
            "What is registered (RFC 7592), by the registration access token",
            {200: says("Registered", "Registered"), 401: BAD_TOKEN},
            **BEARER,
        ),
        "put": operation(
            "Change it; what is not named is given up",
            {200: says("Registered", "Registered"), 400: REFUSED, 401: BAD_TOKEN, 413: TOO_LARGE},
            requestBody=document("Registration"),
            **BEARER,
        ),
        "delete": operation(
            "Give it up: all its tokens end", {204: empty("It is registered no more"), 401: BAD_TOKEN}, **BEARER
        ),
    },
    "/launch": {
        "post": operation(
            "Prepare the launch of an app for whom, and what, is on a person's screen",
            {
                201: says("To be handed to the app; good for five minutes, once", "Launched"),
                400: problem("The body is not understood, or no such app can be launched"),
                401: BAD_TOKEN,
                403: TOO_LITTLE,
                404: problem("No such patient or encounter is one this person may open"),
                413: problem("The body is larger than 16 KiB"),
                503: either("The record is away", problem(""), says("", "Away")),
            },
            requestBody=document("Launch"),
            **BEARER,
        )
    },
}
