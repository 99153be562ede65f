"""The `bedside` command. Each command's work is imported when it is asked for: `bedside --help` must be quick."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="A FHIR platform with a bedside view.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
events_app = typer.Typer(help="What the services told one another.", no_args_is_help=True)
app.add_typer(events_app, name="events")
keys_app = typer.Typer(help="The keys that sign tokens.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")

Service = Annotated[str, typer.Argument(help="gateway, patients, encounters or auth")]
Base = Annotated[str | None, typer.Option(help="the FHIR base; by default the one in demo.json")]


@app.command()
def up() -> None:
    """Runs the whole platform in this process."""
    from bedside.cli.up import up

    _run(up(_settings()))


@app.command()
def serve(service: Service) -> None:
    """Runs one service until SIGTERM. Its database and topology must have been made."""
    from bedside.cli.serve import serve

    _run(serve(service, _settings()))


@app.command()
def healthy(service: Service) -> None:
    """Succeeds when that service, in this container, answers that it is ready."""
    from bedside.cli.healthy import healthy

    raise typer.Exit(0 if healthy(service) else 1)


@app.command()
def migrate(services: Annotated[list[str] | None, typer.Argument(help="all without")] = None) -> None:
    """Makes the databases and brings them up to date."""
    from bedside.cli.migrate import migrate_all

    migrate_all(_settings(), tuple(services or ()))


@app.command()
def topology(services: Annotated[list[str] | None, typer.Argument(help="all without")] = None) -> None:
    """Declares exchanges and queues at the broker."""
    from bedside.cli.topology import declare

    _run(declare(_settings(), tuple(services or ())))


@app.command()
def load(
    paths: Annotated[list[Path], typer.Argument(exists=True, help="bundles (.json), NDJSON files, or folders of them")],
    base: Base = None,
    again: Annotated[bool, typer.Option(help="also what was loaded before")] = False,
) -> None:
    """Loads FHIR bundles and NDJSON, and reports what is refused. A second run goes on where the first one stopped."""
    from bedside.cli.load import load

    _run(load(paths, base=base, again=again, settings=_settings()))


@app.command()
def seed(
    patients: Annotated[int, typer.Option(min=1, max=100_000, help="how many")] = 10,
    seed: Annotated[int, typer.Option(help="the same seed makes the same patients")] = 1,
    base: Base = None,
) -> None:
    """Generates synthetic patients (about one a second) and loads them."""
    from bedside.cli.seed import seed_patients

    _run(seed_patients(patients=patients, seed=seed, base=base, settings=_settings()))


@app.command()
def token(
    user: Annotated[str | None, typer.Argument(help="a user of demo.json")] = None,
    client: Annotated[str | None, typer.Option(help="a client of demo.json, in its own name")] = None,
    scope: Annotated[str | None, typer.Option(help="by default all that may be asked")] = None,
) -> None:
    """Signs in as `demo.json` says. The last line is the access token."""
    from bedside.cli.token import client_token, user_token

    if (user is None) == (client is None):
        raise typer.BadParameter("name a user, or a client with --client")
    demo = _demo()
    if client is not None:
        typer.echo(client_token(demo, client, scope=scope))
    else:
        assert user is not None
        typer.echo(user_token(demo, user, scope=scope))


@app.command()
def doctor() -> None:
    """Checks settings, folders, ports, database, broker and services, and says what is wrong."""
    from bedside.cli.doctor import examine

    raise typer.Exit(0 if examine(_settings()) else 1)


@app.command()
def affected(
    base: Annotated[str, typer.Option(help="the commit to compare with")],
    root: Annotated[Path, typer.Option(help="the clone")] = Path(),
) -> None:
    """Lists, as JSON, the projects that the changes since BASE can reach."""
    import json

    from bedside.cli.affected import affected

    typer.echo(json.dumps(affected(root, base)))


@events_app.command()
def tail(service: Service, count: Annotated[int, typer.Option(min=1, max=1000)] = 20) -> None:
    """The last facts a service told."""
    from bedside.cli.events import tail

    _run(tail(service, count, _settings()))


@events_app.command()
def parked(service: Service) -> None:
    """The facts a service could not take yet, and why."""
    from bedside.cli.events import parked

    _run(parked(service, _settings()))


@keys_app.command("list")
def list_keys() -> None:
    """Every key, its state, and from when to when it counts."""
    from bedside.cli.keys import show

    show(_settings())


@keys_app.command()
def rotate(
    compromised: Annotated[str | None, typer.Option(help="the key that others may have: it is gone at once")] = None,
) -> None:
    """Publishes the next keys, which sign ten minutes later. No request is lost."""
    from bedside.cli.failure import Failure
    from bedside.cli.keys import rotate

    try:
        rotate(_settings(), compromised=compromised)
    except Failure as failure:
        typer.echo(str(failure), err=True)
        raise typer.Exit(1) from None


def _settings() -> Any:
    from pydantic import ValidationError

    from bedside.service.settings import Settings

    try:
        return Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            typer.echo(f"{name or 'settings'}: {problem['msg'].removeprefix('Value error, ')}", err=True)
        raise typer.Exit(2) from None


def _demo() -> Any:
    from bedside.cli.demo.file import read_demo

    return read_demo(_settings().data_dir)


def _run(work: Coroutine[Any, Any, None]) -> None:
    from bedside.cli.failure import Failure
    from bedside.service.running import CannotStart, Stopped, new_event_loop

    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.run(work)
    except (Failure, CannotStart, Stopped) as failure:
        typer.echo(str(failure), err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


if __name__ == "__main__":
    sys.exit(app())
