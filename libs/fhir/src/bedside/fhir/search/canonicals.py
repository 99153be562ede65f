"""Links by canonical URL, beside those by reference: `questionnaire.title`.

The referring row and the target's row hold the same words, `url|version` or `url|`.
https://hl7.org/fhir/R4/references.html#canonical
"""

from dataclasses import dataclass

from bedside.fhir.definitions import definitions
from bedside.fhir.search.criteria import Criterion, Reach, Statement, sp_among
from bedside.fhir.search.parameters import Parameter, parameters


@dataclass(frozen=True)
class CanonicalLink:
    """One type's parameter, and the type whose canonical URL it names."""

    sps: tuple[int, ...]
    target: str

    def joined(self, seeking: str, sought: str) -> str:
        """`seeking` and `sought` are aliases of two rows of `ix_uri`."""
        url = definitions().sp(self.target, "url")
        return (
            f"{sought}.uri = {seeking}.uri AND {sought}.uri LIKE '%|%'"
            f" AND {sp_among(seeking, self.sps)} AND {sought}.sp = {url}"
        )


def link(parameter: Parameter, target: str) -> CanonicalLink | None:
    """None where the parameter is no canonical, or the target has no canonical URL to search by."""
    if not parameter.is_canonical or "url" not in parameters(target):
        return None
    return CanonicalLink(parameter.sps, target)


@dataclass(frozen=True)
class CanonicallyChained:
    """Names, by the link, a resource for which `inner` holds."""

    by: CanonicalLink
    inner: Criterion

    def test(self, statement: Statement, version: str) -> str:
        t = statement.alias()
        return statement.exists(
            f"ix_uri i JOIN ix_uri {t}u ON {self.by.joined('i', f'{t}u')}"
            f" JOIN version {t} ON {t}.vid = {t}u.vid WHERE i.vid = {version}.vid"
            f" AND {statement.visible(t, self.by.target)} AND {self.inner.test(statement, t)}"
        )

    def rows(self, statement: Statement) -> str | None:
        t = statement.alias()
        return (
            f"SELECT i.vid FROM version {t} JOIN ix_uri {t}u ON {t}u.vid = {t}.vid"
            f" JOIN ix_uri i ON {self.by.joined('i', f'{t}u')}"
            f" WHERE {statement.visible(t, self.by.target)} AND {self.inner.test(statement, t)}"
        )

    @property
    def reach(self) -> Reach:
        return "wide"


@dataclass(frozen=True)
class CanonicallyReferred:
    """A resource of `source`, for which `inner` holds, names this one by the link."""

    by: CanonicalLink
    source: str
    inner: Criterion

    def test(self, statement: Statement, version: str) -> str:
        t = statement.alias()
        return statement.exists(
            f"ix_uri {t}u JOIN ix_uri i ON {self.by.joined('i', f'{t}u')}"
            f" JOIN version {t} ON {t}.vid = i.vid WHERE {t}u.vid = {version}.vid"
            f" AND {statement.visible(t, self.source)} AND {self.inner.test(statement, t)}"
        )

    def rows(self, statement: Statement) -> str | None:
        t = statement.alias()
        return (
            f"SELECT {t}u.vid FROM version {t} JOIN ix_uri i ON i.vid = {t}.vid"
            f" JOIN ix_uri {t}u ON {self.by.joined('i', f'{t}u')}"
            f" WHERE {statement.visible(t, self.source)} AND {self.inner.test(statement, t)}"
        )

    @property
    def reach(self) -> Reach:
        return "wide"
