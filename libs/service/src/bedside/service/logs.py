"""Log lines are JSON on standard error, with the request and trace ids, and never a patient's data."""

import logging
import sys
from typing import Any

import orjson
import structlog

from bedside.service.frames import frames

# They log whole URLs, and URLs hold names.
_TALKATIVE = ("httpx", "httpcore", "aiohttp", "urllib3", "aio_pika", "aiormq", "alembic", "asyncio", "uvicorn.error")
_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure_logs(level: str) -> None:
    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_as_json),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(_LEVELS[level])
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, _LEVELS[level]))


class _JsonLines(logging.Formatter):
    """Lines of other libraries. An exception is told by its type and frames: its message may quote a request."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {"logger": record.name, "level": record.levelname.lower(), "event": record.getMessage()}
        if record.exc_info and record.exc_info[1]:
            line |= {"error": type(record.exc_info[1]).__name__, "frames": frames(record.exc_info[1])}
        line |= structlog.contextvars.get_contextvars()
        line["timestamp"] = structlog.processors.TimeStamper(fmt="iso", utc=True)(None, "", {})["timestamp"]
        return _as_json(line)


def _as_json(line: Any, **_: Any) -> str:
    return orjson.dumps(line, default=str).decode()
