# Makes .venv as requirements.lock says, with every project of the workspace in it, editable. Sourced by the scripts of
# the root and of every project, from the root. Warm, it only compares a stamp.
# shellcheck shell=bash

_members=(gateway core/* libs/*)

_stamp() {
  # The path belongs to it: editable installs and scripts hold absolute paths, and a moved clone needs new ones.
  { pwd; cat requirements.lock .ci/environment.sh "${_members[@]/%//pyproject.toml}"; } | cksum
}

_python() {
  local candidate
  for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "Python 3.11 or later is needed, and none was found on PATH." >&2
  return 1
}

_uv() {
  local python="$1" wanted='uv>=0.13,<0.14'
  if command -v uv; then return; fi
  if [ -x .tools/bin/uv ]; then echo .tools/bin/uv; return; fi
  {
    # Debian's python3 may come without ensurepip, and without pip: three ways, the last one as root only.
    { "$python" -m venv .tools && .tools/bin/pip install -q "$wanted"; } ||
      { rm -rf .tools && "$python" -m pip install -q --target .tools "$wanted"; } ||
      { [ "$(id -u)" = 0 ] && command -v apt-get && rm -rf .tools && apt-get update -q &&
        apt-get install -y -q --no-install-recommends python3-venv &&
        "$python" -m venv .tools && .tools/bin/pip install -q "$wanted"; }
  } >.tools.log 2>&1 || {
    cat .tools.log >&2
    echo "uv could not be installed: install it, or python3-venv, and try again." >&2
    return 1
  }
  rm -f .tools.log
  echo .tools/bin/uv
}

_environment() {
  local stamp uv python editable=() member
  stamp="$(_stamp)"
  if [ -x .venv/bin/bedside ] && [ "$stamp" = "$(cat .venv/bedside-stamp 2>/dev/null)" ]; then return; fi
  echo "Setting up .venv …" >&2
  # The certificates of the system: inside a hospital the package mirror often has one of its own.
  export UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-1}" UV_LINK_MODE="${UV_LINK_MODE:-copy}"
  python="$(_python)"
  uv="$(_uv "$python")"
  if ! .venv/bin/python -c '' 2>/dev/null; then
    rm -rf .venv
    "$uv" venv -q --python "$python" .venv
  fi
  for member in "${_members[@]}"; do editable+=(-e "$member"); done
  "$uv" pip install -q --python .venv/bin/python --require-hashes -r requirements.lock
  "$uv" pip install -q --python .venv/bin/python --no-deps "${editable[@]}"
  printf '%s\n' "$stamp" >.venv/bedside-stamp
}

_environment
