"""Tables come to be once, whoever asks and how often."""

import asyncio
import sys

import pytest

from bedside.events.database import open_database
from bedside.events.migrating import migrate

TABLES = {"applied", "feed_head", "inbox", "outbox", "parked", "relay_lease", "swept", "told"}


async def test_migrating_twice_changes_nothing(dialect, new_url):
    url = await new_url()
    await asyncio.to_thread(migrate, url, "bedside.events")
    database = await open_database(url)
    before = await database.fetch_row("SELECT epoch, position FROM feed_head")
    await asyncio.to_thread(migrate, url, "bedside.events")
    assert await database.fetch_row("SELECT epoch, position FROM feed_head") == before
    assert (await database.fetch_row("SELECT count(*) FROM relay_lease"))[0] == 16
    await database.close()


@pytest.mark.slow
async def test_processes_that_migrate_at_once_do_not_disturb_one_another(dialect, new_url):
    url = await new_url()
    program = f"from bedside.events.migrating import migrate; migrate({url!r}, 'bedside.events')"
    processes = [await asyncio.create_subprocess_exec(sys.executable, "-c", program) for _ in range(3)]
    assert await asyncio.gather(*(process.wait() for process in processes)) == [0, 0, 0]
    database = await open_database(url)
    assert (await database.fetch_row("SELECT count(*) FROM alembic_events"))[0] == 1
    await database.close()


async def test_a_folder_is_made_for_a_new_file(tmp_path):
    migrate(f"sqlite:///{tmp_path}/new/patients.db", "bedside.events")
    assert (tmp_path / "new" / "patients.db").exists()


def test_a_library_without_migrations_is_our_mistake(tmp_path):
    with pytest.raises(AssertionError, match="migrations"):
        migrate(f"sqlite:///{tmp_path}/x.db", "bedside.events.catalog")
