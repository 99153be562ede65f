"""Writing a row that may be there already, also when two transactions do so at once."""

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel


def put(session: Session, row: SQLModel) -> None:
    """Inserts the row, or replaces the one with its key. Unlike `merge` it never fails for having come second."""
    table = SQLModel.metadata.tables[str(row.__tablename__)]
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    values = row.model_dump()
    keys = [column.name for column in table.primary_key]
    replaced = {name: value for name, value in values.items() if name not in keys}
    statement = insert(table).values(values).on_conflict_do_update(index_elements=keys, set_=replaced)
    session.connection().execute(statement)


def put_if_absent(session: Session, row: SQLModel) -> bool:
    """Whether it was absent. Of two transactions at once, one is told so."""
    table = SQLModel.metadata.tables[str(row.__tablename__)]
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(table).values(row.model_dump()).on_conflict_do_nothing()
    # SQLAlchemy counts inserted rows on PostgreSQL only when told to.
    done = session.connection().execute(statement, execution_options={"preserve_rowcount": True})
    return bool(done.rowcount == 1)
