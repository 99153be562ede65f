"""The parameters of a request as they were sent, repetitions included."""

from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl

from bedside.auth.refusals import OAuthRefused, invalid_request

BODY_BYTES_MAX = 64 * 1024
_FIELDS_MAX = 60


class Parameters:
    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs = tuple(pairs)
        self._first: dict[str, str] = {}
        for name, value in self.pairs:
            self._first.setdefault(name, value)

    @classmethod
    def parse(cls, encoded: bytes) -> "Parameters":
        """`application/x-www-form-urlencoded`, as a body or a query. Raises OAuthRefused invalid_request."""
        if len(encoded) > BODY_BYTES_MAX:
            raise OAuthRefused("invalid_request", "the request is too large", status=413)
        try:
            text = encoded.decode("ascii")
            pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX)
        except ValueError as error:
            raise invalid_request("the parameters are not form-urlencoded UTF-8") from error
        if any("\x00" in part for pair in pairs for part in pair):
            raise invalid_request("a parameter holds a null character")
        return cls(pairs)

    def get(self, name: str) -> str | None:
        """A parameter without a value counts as omitted (RFC 6749, 3.1)."""
        return self._first.get(name) or None

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.pairs if known == name]

    @property
    def repeated(self) -> frozenset[str]:
        names = [name for name, _ in self.pairs]
        return frozenset(name for name in names if names.count(name) > 1)

    def refuse_repeated(self) -> None:
        """RFC 6749, 3.1 and 3.2: no parameter more than once."""
        if self.repeated:
            raise invalid_request("a parameter appears more than once")

    def __contains__(self, name: object) -> bool:
        return name in self._first

    def as_mapping(self) -> Mapping[str, str]:
        return dict(self._first)
