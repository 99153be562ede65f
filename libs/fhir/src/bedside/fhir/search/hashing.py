"""What stands for a token or a unit in the index: 64 bits of it."""

from functools import lru_cache
from hashlib import blake2b

# A row with this in place of a token's hash says that the resource has a value for the parameter at all (`:missing`).
PRESENT = 0

# A row of `ix_string` with this hash is there to sort by: it is a bare code, nothing that a person reads.
UNREAD = 1

# Strings longer than one index row go on in further rows, which carry this in place of the hash of the whole.
CONTINUED = 0

_ANY_UNIT = "\x00any"


def hashed(text: str) -> int:
    """Signed 64-bit; never 0 or 1, which have meanings of their own above."""
    found = int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big", signed=True)
    return found if found not in (0, 1) else 2


@lru_cache(maxsize=32768)
def token_hashes(system: str | None, code: str | None) -> tuple[int, ...]:
    """All the ways in which a search may name a token: `system|code`, `code`, `|code` and `system|`."""
    if not code:
        return (system_hash(system),) if system else ()
    if system:
        return (hashed(f"{system}|{code}"), hashed(code), system_hash(system))
    return (hashed(f"|{code}"), hashed(code))


@lru_cache(maxsize=32768)
def pair_hashes(system: str | None, code: str | None) -> tuple[int, ...]:
    """As `token_hashes`, without `system|`: composites are searched by codes."""
    if not code:
        return ()
    return (hashed(f"{system}|{code}" if system else f"|{code}"), hashed(code))


def system_hash(system: str | None) -> int:
    # A code cannot begin with NUL, so no code is ever mistaken for a system.
    return hashed(f"\x00{system}|")


@lru_cache(maxsize=4096)
def of_type_hash(system: str | None, code: str, value: str) -> int:
    """An identifier of a type: `:of-type`."""
    return hashed(f"\x00of-type|{system or ''}|{code}|{value}")


@lru_cache(maxsize=4096)
def unit_hash(system: str | None, unit: str) -> int:
    """`system` None for a unit named without one: its code, or the text people read."""
    return hashed(f"{system or ''}|{unit}")


@lru_cache(maxsize=4096)
def canonical_hash(base: str) -> int:
    return hashed(f"\x00ucum|{base}")


ANY_UNIT = hashed(_ANY_UNIT)
