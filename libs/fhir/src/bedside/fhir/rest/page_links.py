"""The links of a page: what was searched (`self`), and the pages around it. https://hl7.org/fhir/R4/http.html#paging

A link names all parameters and, in `_page`, where the page begins. Where that would be too long for an address, as
after a POST, the parameters travel inside `_page` as well, sealed.
"""

from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

from bedside.fhir.outcome import Issue, Refused
from bedside.fhir.search.paging import Paged, PagePosition, reopen, seal, seal_whole
from bedside.fhir.search.running import Page

# What proxies and browsers take without asking.
ADDRESS_CHARACTERS_MAX = 2000
# What servers of HTTP/1.1 take at most, less the address and the other headers.
SEALED_CHARACTERS_MAX = 32 * 1024
Pair = tuple[str, str]


def page_links(
    base_url: str, query: Paged, page: Page, *, key: bytes, caller: Sequence[str], carrying: bool = True
) -> Iterator[tuple[str, str]]:
    """Relation and address, `self` first. Refused with 400 when the way to the next page cannot be told.

    Not `carrying`, an address may become too long: whoever reads it takes only the token.
    """
    address = f"{base_url}/{query.address}".rstrip("/")
    own = [("_page", query.page)] if query.page is not None else []
    yield "self", link(address, [*query.applied, *own])
    for relation, position in _around(page):
        pairs = [*query.applied, ("_page", seal(position, query, key=key, caller=caller))]
        told = link(address, pairs)
        if carrying and len(told) > ADDRESS_CHARACTERS_MAX:
            told = link(address, [("_page", _whole(pairs, key=key, caller=caller))])
        yield relation, told


def _around(page: Page) -> Iterator[tuple[str, PagePosition]]:
    if page.snapshot is None or (page.next is None and page.previous is None):
        return
    # The first page is told as of the same moment as the others.
    yield "first", PagePosition(page.snapshot, (), None)
    if page.previous is not None:
        yield "previous", page.previous
    if page.next is not None:
        yield "next", page.next


def _whole(pairs: Sequence[Pair], *, key: bytes, caller: Sequence[str]) -> str:
    token = seal_whole(pairs, key=key, caller=caller)
    if len(token) > SEALED_CHARACTERS_MAX:
        text = "The search is too long for a link to its next page; ask for fewer values, or for all with _count"
        raise Refused(400, [Issue("too-costly", text)])
    return token


def pairs_meant(pairs: list[Pair], *, key: bytes, caller: Sequence[str]) -> list[Pair]:
    """The parameters, taken out of `_page` where they travel in there.

    Refused when it is not this caller's, or others stand beside it.
    """
    carried = [value for name, value in pairs if name == "_page" and value.startswith(".")]
    return reopen(carried[0], key=key, caller=caller) if carried and len(pairs) == 1 else pairs


def link(address: str, pairs: Sequence[Pair]) -> str:
    """For `Bundle.link`."""
    return f"{address}?{urlencode(pairs, safe=':|,/$')}" if pairs else address
