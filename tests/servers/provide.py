"""Runs a command with real servers beside it: `python tests/servers/provide.py COMMAND…`

In this order: URLs in the environment, installed programs as private instances, apt-get as root, and otherwise an end
with a sentence that names what is missing. Nothing is skipped.
"""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from apt import Missing
from chromium import chromium
from node import node
from postgresql import postgresql
from rabbitmq import rabbitmq


def main(command: list[str]) -> int:
    # The stack closes the servers on SIGTERM as on any exception.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ExitStack() as servers:
        try:
            found = {
                "BEDSIDE_TEST_CHROMIUM": chromium(),
                "BEDSIDE_TEST_NODE": node(),
                "BEDSIDE_TEST_DATABASE_URL": servers.enter_context(postgresql()),
                "BEDSIDE_TEST_BROKER_URL": servers.enter_context(rabbitmq()),
            }
        except Missing as missing:
            print(f"\nNothing was tested: {missing}", file=sys.stderr)
            return 3
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("BEDSIDE_")}
        try:
            return subprocess.run(command, env=inherited | found).returncode
        except KeyboardInterrupt:
            return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
