"""`bedside keys`: the keys that sign tokens, from the shell. Works on auth's database; running services hear of it."""

from collections.abc import Sequence
from contextlib import closing

from rich.console import Console
from rich.table import Table

from bedside.auth.authority import Authority
from bedside.auth.installation import Installation
from bedside.auth.keys.life import KeyState
from bedside.auth.keys.rotation import Occasion, UnknownKey, all_keys, withdraw
from bedside.auth.keys.rotation import rotate as rotated
from bedside.cli.failure import Failure
from bedside.service.settings import Settings

_SHELL = Occasion("shell")


def show(settings: Settings) -> None:
    with closing(Authority.opened(Installation.of(settings))) as authority, authority.units.reading() as session:
        _print(all_keys(session, now=authority.clock.now()))


def rotate(settings: Settings, *, compromised: str | None = None) -> None:
    """Publishes the next keys; or takes the compromised key away at once. Raises Failure for an unknown key."""
    with closing(Authority.opened(Installation.of(settings))) as authority:
        if compromised is None:
            _print(rotated(authority, _SHELL))
            return
        try:
            _print(withdraw(authority, compromised, _SHELL))
        except UnknownKey:
            raise Failure("there is no such key, or it is gone already") from None


def _print(keys: Sequence[KeyState]) -> None:
    table = Table("key", "algorithm", "state", "signs from", "gone at", box=None)
    for key in keys:
        until = f"{key.until:%Y-%m-%d %H:%M:%S}Z" if key.until else ""
        table.add_row(key.kid, key.algorithm, key.state, f"{key.signs_from:%Y-%m-%d %H:%M:%S}Z", until)
    Console().print(table)
