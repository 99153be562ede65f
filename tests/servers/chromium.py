"""The browser that the stories of the workbench drive."""

import os
import shutil

from apt import Missing, install

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def chromium() -> str:
    """Its path; installs it where that can be done, and raises Missing otherwise."""
    found = _found()
    if found is None:
        install(["chromium"], needed_for="Chromium")
        found = _found()
    if found is None:
        raise Missing("Chromium was installed but is not on PATH.")
    return found


def _found() -> str | None:
    given = os.environ.get("BEDSIDE_TEST_CHROMIUM")
    return given or next(filter(None, map(shutil.which, _NAMES)), None)
