"""The pages of auth: forms that work without a script, closed against framing, injection and storing."""

from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from bedside.auth.closed import CLOSED, NOTHING_ELSE


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("bedside.auth"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )


def page(
    template: str, *, status: int = 200, sends_on_to: str | None = None, scripted: bool = False, **values: Any
) -> Response:
    """`sends_on_to` is the address that a form on the page may end at, after our own redirect.

    `scripted` pages may load our own script, as passkeys cannot do without.
    """
    text = _templates().get_template(template).render(values)
    return HTMLResponse(text, status, headers=_headers(sends_on_to, scripted=scripted))


def message(title: str, text: str, *, status: int, onward: tuple[str, str] | None = None) -> Response:
    """`onward`: a path of ours, and what the way there is called."""
    return page("message.html", status=status, title=title, text=text, onward=onward)


@cache
def static_file(name: str) -> bytes:
    return files("bedside.auth").joinpath("static", name).read_bytes()


def _headers(sends_on_to: str | None, *, scripted: bool) -> dict[str, str]:
    # Chromium holds the redirect after a form to form-action too, so the app that waits for it has to be named.
    targets = f"'self' {_origin(sends_on_to)}" if sends_on_to else "'self'"
    policy = f"{NOTHING_ELSE}; style-src 'self'; img-src 'self'; form-action {targets}"
    policy += "; script-src 'self'" if scripted else ""
    return CLOSED | {"Content-Security-Policy": policy, "Cross-Origin-Opener-Policy": "same-origin"}


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else f"{parts.scheme}:"
