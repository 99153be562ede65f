"""The index rows of one resource, before they are given the number of its version."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bedside.fhir.definitions import definitions

Row = tuple[Any, ...]
RidOf = Callable[[str], int]
# Here the version's number is not the last column.
_HASH_LAST = ("ix_string", "ix_ts")


@dataclass(slots=True)
class Indexed:
    """What search needs to know of one resource.

    `references` are the local resources it mentions, as `Type/id`; `patients` the ids of the patients in whose
    compartments it lies; `words` what its text is found by.
    """

    type_name: str
    references: set[str] = field(default_factory=set)
    patients: set[str] = field(default_factory=set)
    words: str = ""
    # By table, rows still without `vid`; in `refs` and `pair_refs` the target is still a `Type/id`.
    tables: defaultdict[str, set[Row]] = field(default_factory=lambda: defaultdict(set))
    tokens: set[Row] = field(default_factory=set)
    by_patient: set[Row] = field(default_factory=set)
    refs: set[tuple[int, str]] = field(default_factory=set)
    pair_refs: set[tuple[int, int, str]] = field(default_factory=set)

    def add(self, table: str, *row: Any) -> None:
        self.tables[table].add(row)

    def refer(self, sp: int, key: str) -> None:
        self.references.add(key)
        self.refs.add((sp, key))

    def pair(self, sp: int, table: str, hash: int, second: Row) -> None:
        """A row of a composite whose first part is a token."""
        if table == "ix_tr":
            key: str = second[0]
            self.references.add(key)
            self.pair_refs.add((sp, hash, key))
        else:
            self.tables[table].add((sp, hash, *second))

    def rows(self, vid: int, rid_of: RidOf) -> dict[str, list[Row]]:
        """Ready to insert, by table, columns as in `index_tables.COLUMNS`. `rid_of` is asked for `references`
        and for `Patient/id` of each of `patients`."""
        own = (vid,)
        made = {table: [row + own for row in rows] for table, rows in self.tables.items() if table not in _HASH_LAST}
        made["ix_token"] = [row + own for row in self.tokens]
        for table in _HASH_LAST:
            if table in self.tables:
                made[table] = [(*row[:-1], vid, row[-1]) for row in self.tables[table]]
        if self.refs:
            made["ix_ref"] = [(sp, rid_of(key), vid) for sp, key in self.refs]
        if self.pair_refs:
            made["ix_tr"] = [(sp, hash, rid_of(key), vid) for sp, hash, key in self.pair_refs]
        if self.words:
            made["ix_words"] = [(vid, self.words)]
        if self.patients:
            rids = [rid_of(f"Patient/{id}") for id in self.patients]
            type_id = definitions().type_id(self.type_name)
            made["compartment"] = [(rid, type_id, vid) for rid in rids]
            if self.by_patient:
                made["ix_ptoken"] = [(rid, *row, vid) for rid in rids for row in self.by_patient]
        return made
