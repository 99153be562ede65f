"""What every test of the workspace goes by."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # One worker has the real servers to itself: tests that share a broker would hear one another's events.
    for item in items:
        if item.get_closest_marker("servers"):
            item.add_marker(pytest.mark.xdist_group("servers"))
