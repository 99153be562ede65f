"""The `bedside` command. Each command's work is imported when it is asked for: `bedside --help` must be quick."""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from datetime import datetime
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
users_app = typer.Typer(help="Who may sign in, and as what.", no_args_is_help=True)
app.add_typer(users_app, name="users")

Service = Annotated[str, typer.Argument(help="gateway, patients, encounters or auth")]
Username = Annotated[str, typer.Argument(help="as the person types it")]
Role = Annotated[str, typer.Argument(help="physician, nurse, …, admin")]
Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="it ends as that day begins")]
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
    from bedside.cli.keys import rotate

    with _failing():
        rotate(_settings(), compromised=compromised)


@users_app.command("list")
def list_users(text: Annotated[str, typer.Argument(help="a part of username, name or e-mail address")] = "") -> None:
    """Who there is: 200 at most."""
    from bedside.cli.users import show

    show(_settings(), text)


@users_app.command("create")
def create_user(
    username: Username,
    name: Annotated[str, typer.Option(help="as others read it")],
    role: Annotated[list[str] | None, typer.Option(help="physician, nurse, …, admin; may be given again")] = None,
    record: Annotated[str | None, typer.Option(help="such as Practitioner/dr-shah or Patient/p1")] = None,
    email: Annotated[str | None, typer.Option()] = None,
) -> None:
    """Makes an account, and prints the link by which the person chooses a password."""
    from bedside.auth.directory import Details
    from bedside.cli.users import create

    with _failing():
        create(_settings(), Details(username, name, fhir_user=record, email=email), role or [])


@users_app.command()
def link(username: Username) -> None:
    """Prints a link by which the person chooses a new password."""
    from bedside.cli.users import link

    with _failing():
        link(_settings(), username)


@users_app.command()
def grant(username: Username, role: Role, until: Until = None) -> None:
    """Gives a role, from now."""
    from bedside.cli.users import grant

    with _failing():
        grant(_settings(), username, role, until=until)


@users_app.command()
def withdraw(username: Username, role: Role) -> None:
    """Takes a role away; the person signs in anew."""
    from bedside.cli.users import withdraw

    with _failing():
        withdraw(_settings(), username, role)


@users_app.command()
def disable(username: Username) -> None:
    """The person is out everywhere within seconds."""
    from bedside.cli.users import disable

    with _failing():
        disable(_settings(), username)


@users_app.command()
def enable(username: Username) -> None:
    """The person may sign in again; nothing that ended comes back."""
    from bedside.cli.users import enable

    with _failing():
        enable(_settings(), username)


@users_app.command("act-for")
def act_for(
    username: Username,
    patient: Annotated[str, typer.Argument(help="the id of the Patient")],
    until: Until = None,
    consent: Annotated[str | None, typer.Option(help="the id of the Consent that it rests on, and ends with")] = None,
    ends: Annotated[bool, typer.Option("--ends", help="no longer")] = False,
) -> None:
    """A proxy acts for a patient."""
    from bedside.cli.users import act_for

    with _failing():
        act_for(_settings(), username, patient, until=until, consent=consent, ends=ends)


@keys_app.command()
def services() -> None:
    """Makes a key for each service to prove itself by, and prints them as lines of an environment file."""
    from bedside.cli.service_keys import made

    for line in made():
        typer.echo(line)


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


@contextmanager
def _failing() -> Iterator[None]:
    """A Failure is one sentence for whoever sits at the terminal."""
    from bedside.cli.failure import Failure

    try:
        yield
    except Failure as failure:
        typer.echo(str(failure), err=True)
        raise typer.Exit(1) from None


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
