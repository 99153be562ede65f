"""Tests that share the real servers run on one worker."""

import os

import pytest


@pytest.mark.xdist_group("proof")
def test_the_workers_keep_the_groups_that_tests_are_put_in(request: pytest.FixtureRequest) -> None:
    # The scheduler groups by the end of the name. Where the name has none, every worker would use the broker at once.
    assert "PYTEST_XDIST_WORKER" not in os.environ or request.node.nodeid.endswith("@proof")
