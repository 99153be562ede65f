"""Secrets of this installation: from the environment, or made once and kept beside the data."""

import hashlib
import hmac
import os
import secrets as random_source
from pathlib import Path


def given_secret(service: str) -> str | None:
    """`BEDSIDE_SERVICE_SECRET_<NAME>`, else derived from `BEDSIDE_SERVICE_SECRET`."""
    if own := os.environ.get(f"BEDSIDE_SERVICE_SECRET_{service.upper()}"):
        return own
    if shared := os.environ.get("BEDSIDE_SERVICE_SECRET"):
        return hmac.new(shared.encode(), service.encode(), hashlib.sha256).hexdigest()
    return None


def kept_secret(folder: Path, name: str) -> str:
    path = folder / f"{name}.secret"
    return kept(path, random_source.token_urlsafe(32))


def kept(path: Path, made: str) -> str:
    """What the file holds; it is written as made, closed to others, where there is none yet."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Two processes may start at once: who creates the file decides, the other reads. A link appears with its content.
    draft = path.parent / f".{path.stem}.{os.getpid()}"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(made)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()
