"""The tables in which facts are told, relayed and heard. Instants are microseconds since 1970, in UTC."""

from alembic import op

revision = "0001"
down_revision = None

_POSTGRESQL = {
    "identity": "bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    "uuid": "uuid",
    "bytes": "bytea",
    "strict": "",
    "now": "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)",
}
_SQLITE = {
    "identity": "integer PRIMARY KEY AUTOINCREMENT",
    "uuid": "text",
    "bytes": "blob",
    "strict": "STRICT",
    "now": "CAST((julianday('now') - 2440587.5) * 86400000000 AS integer)",
}

_TABLES = (
    """CREATE TABLE feed_head(
        one integer PRIMARY KEY DEFAULT 1 CHECK(one = 1),
        epoch {long} NOT NULL,
        position {long} NOT NULL DEFAULT 0) {strict}""",
    """CREATE TABLE told(
        stream text PRIMARY KEY,
        sequence {long} NOT NULL) {strict}""",
    """CREATE TABLE outbox(
        seq {identity},
        position {long} UNIQUE,
        event_id {uuid} NOT NULL,
        type text NOT NULL,
        stream text NOT NULL,
        sequence {long} NOT NULL,
        subject text NOT NULL,
        shard {short} NOT NULL,
        body {bytes} NOT NULL,
        occurred_at {long} NOT NULL,
        published_at {long},
        UNIQUE(event_id, type),
        UNIQUE(stream, sequence, type)) {strict}""",
    "CREATE INDEX outbox_unnumbered ON outbox(seq) WHERE position IS NULL",
    "CREATE INDEX outbox_pending ON outbox(shard, position) WHERE published_at IS NULL",
    """CREATE TABLE relay_lease(
        shard {short} PRIMARY KEY,
        owner {uuid},
        epoch {long} NOT NULL DEFAULT 0,
        expires_at {long} NOT NULL DEFAULT 0) {strict}""",
    """CREATE TABLE inbox(
        consumer text NOT NULL,
        event_id {uuid} NOT NULL,
        type text NOT NULL,
        digest text NOT NULL,
        received_at {long} NOT NULL,
        PRIMARY KEY(consumer, event_id, type)) {strict}""",
    """CREATE TABLE applied(
        consumer text NOT NULL,
        stream text NOT NULL,
        sequence {long} NOT NULL,
        PRIMARY KEY(consumer, stream)) {strict}""",
    """CREATE TABLE parked(
        consumer text NOT NULL,
        stream text NOT NULL,
        sequence {long} NOT NULL,
        event_id {uuid} NOT NULL,
        type text NOT NULL,
        body {bytes} NOT NULL,
        reason text NOT NULL,
        error text,
        attempts integer NOT NULL DEFAULT 0,
        parked_at {long} NOT NULL,
        retry_at {long} NOT NULL,
        PRIMARY KEY(consumer, stream, event_id, type)) {strict}""",
    "CREATE INDEX parked_in_order ON parked(consumer, stream, sequence)",
    """CREATE TABLE swept(
        consumer text NOT NULL,
        source text NOT NULL,
        epoch {long} NOT NULL,
        position {long} NOT NULL,
        PRIMARY KEY(consumer, source)) {strict}""",
    "INSERT INTO relay_lease(shard) VALUES " + ", ".join(f"({shard})" for shard in range(16)),
    # The epoch tells one life of a database from the next, after a restore from a backup.
    "INSERT INTO feed_head(epoch) VALUES ({now} / 1000000)",
)


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        words = {**_POSTGRESQL, "long": "bigint", "short": "smallint"}
    else:
        words = {**_SQLITE, "long": "integer", "short": "integer"}
    for statement in _TABLES:
        op.execute(statement.format(**words))
