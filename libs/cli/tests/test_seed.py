"""Generated patients are made fit to be loaded."""

import json

from bedside.cli.seed import without_empty_meta


def test_an_empty_meta_goes_and_everything_else_stays_to_the_digit() -> None:
    written = b'{"entry":[{"resource":{"meta":{},"value":1.50}},{"resource":{"meta":{"profile":["x"]}}}]}'
    assert (
        without_empty_meta(written)
        == b'{"entry":[{"resource":{"value":1.50}},{"resource":{"meta":{"profile":["x"]}}}]}'
    )
    assert json.loads(without_empty_meta(b'{"entry":[]}')) == {"entry": []}
