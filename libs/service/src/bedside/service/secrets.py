"""Secrets of this installation: from the environment, or made once and kept beside the data."""

import hashlib
import hmac
import os
import secrets as random_source
from pathlib import Path


def secret_of(service: str, data_dir: Path) -> str:
    """`BEDSIDE_SERVICE_SECRET_<NAME>`, else derived from `BEDSIDE_SERVICE_SECRET`, else a file in the data folder.

    With one variable per service, each process can be given its own secret and auth all of them.
    """
    if own := os.environ.get(f"BEDSIDE_SERVICE_SECRET_{service.upper()}"):
        return own
    if shared := os.environ.get("BEDSIDE_SERVICE_SECRET"):
        return hmac.new(shared.encode(), service.encode(), hashlib.sha256).hexdigest()
    return kept_secret(data_dir / "keys", f"service-{service}")


def kept_secret(folder: Path, name: str) -> str:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.secret"
    # Two processes may start at once: who creates the file decides, the other reads. A link appears with its content.
    draft = folder / f".{name}.{os.getpid()}"
    draft.write_text(random_source.token_urlsafe(32))
    draft.chmod(0o600)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()
