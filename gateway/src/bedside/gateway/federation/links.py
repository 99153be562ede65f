"""The links of a composed searchset: what the caller asked, not what the owners were sent for it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

Pair = tuple[str, str]
# The token for a page of ours around the owner's, given the parameters that the link shows.
Seal = Callable[[str, Sequence[Pair]], str]


class Links:
    """`shown` tells for each parameter that the owner was sent what stands in its place; None: nothing does.
    `added` are parameters that only the gateway acts on.
    """

    def __init__(self, address: str, shown: Mapping[Pair, Pair | None], added: Sequence[Pair], seal: Seal) -> None:
        self._address = address
        self._shown = shown
        self._added = added
        self._seal = seal

    def __call__(self, owners: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The owner's links, rewritten. What the owner left out (lenient) stays out.

        Its `self` says what was applied; of the others only `_page` counts, which may stand for all parameters.
        """
        pairs = [self._shown.get(pair, pair) for pair in applied(owners)]
        kept = [pair for pair in pairs if pair is not None] + list(self._added)
        return [{**each, "url": self._written(kept, _page(each["url"]))} for each in owners]

    def _written(self, pairs: Sequence[Pair], page: str | None) -> str:
        return written(self._address, pairs if page is None else [*pairs, ("_page", self._seal(page, pairs))])


def written(address: str, pairs: Sequence[Pair]) -> str:
    """An address with its query, as owners write them."""
    query = quote(urlencode(pairs, safe=":|,/$*"), safe="/:?=&%,|$+;@!*'()~_.-")
    return f"{address}?{query}" if pairs else address


def applied(told: Sequence[dict[str, Any]]) -> list[Pair]:
    """The parameters that a Bundle's `self` link shows, without `_page`."""
    shown = next((_pairs(each["url"]) for each in told if each["relation"] == "self"), [])
    return [pair for pair in shown if pair[0] != "_page"]


def page_of(told: Sequence[dict[str, Any]], relation: str) -> str | None:
    """The token in a link of this relation."""
    return next((_page(each["url"]) for each in told if each["relation"] == relation), None)


def _pairs(url: str) -> list[Pair]:
    return parse_qsl(url.partition("?")[2], keep_blank_values=True)


def _page(url: str) -> str | None:
    return next((value for name, value in _pairs(url) if name == "_page"), None)


def selecting(pairs: Sequence[Pair]) -> list[Pair]:
    """Without what only shapes the answer's bytes."""
    return [pair for pair in pairs if pair[0] not in ("_format", "_pretty")]
