"""What every test of the workspace goes by."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent
SYSTEM = ROOT / "tests" / "system"
AUTH = ROOT / "core" / "auth" / "tests"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Before xdist reads the groups. One worker has the real servers to itself: tests that share a broker would hear one
    # another's events. Another has the running platform, which takes seconds to start. Tests of auth use no broker, and
    # each makes its own database: they fill either worker, but for those that share a browser.
    for item in items:
        if item.path.is_relative_to(AUTH) and not item.path.is_relative_to(AUTH / "pages"):
            continue
        if item.get_closest_marker("servers"):
            item.add_marker(pytest.mark.xdist_group("servers"))
        elif item.path.is_relative_to(SYSTEM):
            item.add_marker(pytest.mark.xdist_group("platform"))
    # The longest go first, or one worker would be left alone with them at the end.
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)
