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
        """The owner's links, rewritten. What the owner left out (lenient) stays out."""
        return [{**each, "url": self._rewritten(each["url"])} for each in owners]

    def _rewritten(self, url: str) -> str:
        told = parse_qsl(url.partition("?")[2], keep_blank_values=True)
        page = next((value for name, value in told if name == "_page"), None)
        pairs = [self._shown.get(pair, pair) for pair in told if pair[0] != "_page"]
        kept = [pair for pair in pairs if pair is not None] + list(self._added)
        if page is not None:
            following = ("_page", self._seal(page, kept))
            kept = [*kept, following]
        query = quote(urlencode(kept, safe=":|,/$*"), safe="/:?=&%,|$+;@!*'()~_.-")
        return f"{self._address}?{query}" if kept else self._address


def selecting(pairs: Sequence[Pair]) -> list[Pair]:
    """Without what only shapes the answer's bytes."""
    return [pair for pair in pairs if pair[0] not in ("_format", "_pretty")]
