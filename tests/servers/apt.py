"""Installs what the tests need, where that can be done: as root on Debian and its children."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

_INSTALL_TIMEOUT_S = 600


class Missing(Exception):
    """The sentence names what the tests need and what to do about it."""


def install(packages: Sequence[str], *, needed_for: str) -> None:
    """Raises Missing where it cannot."""
    named = " ".join(packages)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Missing(f"{needed_for} is missing: install it ({named}), or see README for the URLs to set.")
    print(f"installing {named} for the tests …", file=sys.stderr, flush=True)
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "capture_output": True, "text": True}
    wanted = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    # Old package lists name files that are gone, so a failure is worth one update and a second try.
    if subprocess.run(wanted, timeout=_INSTALL_TIMEOUT_S, **quiet).returncode == 0:
        return
    subprocess.run(["apt-get", "update", "-q"], timeout=_INSTALL_TIMEOUT_S, **quiet)
    done = subprocess.run(wanted, timeout=_INSTALL_TIMEOUT_S, **quiet)
    if done.returncode != 0:
        raise Missing(f"apt-get could not install {named}: {done.stderr.strip()[-400:]}")
