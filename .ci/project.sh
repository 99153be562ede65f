#!/usr/bin/env bash
# What build.sh, run.sh and test.sh mean for one project: .ci/project.sh build|run|test PROJECT [ARGUMENTS]
set -euo pipefail
action="$1" project="$2"
shift 2
cd "$(dirname "$0")/.."
root="$PWD"
# shellcheck source=.ci/environment.sh
. .ci/environment.sh
name="$(basename "$project")"

build() {
  [ "${1:-}" = --env ] && return
  _uv_build --package "bedside-$name"
  if [ -f "$project/Dockerfile" ]; then .ci/image.sh "$name" "$project/Dockerfile"; fi
}

_uv_build() { "$(_uv "$(_python)")" build -q --wheel --out-dir dist "$@" && ls -1 dist; }

run() {
  case "$project" in
    libs/cli) exec .venv/bin/bedside "$@" ;;
    libs/*) echo "$project is a library: nothing runs by itself. ./test.sh tests it; ./run.sh at the root uses it." ;;
    *) exec .venv/bin/bedside serve "$name" "$@" ;;
  esac
}

test_() {
  local fast=()
  if [ "${1:-}" = --fast ]; then
    fast=(-m 'not servers and not slow')
    shift
  fi
  .venv/bin/ruff check -q "$project"
  .venv/bin/ruff format -q --check "$project"
  if [ ${#fast[@]} = 0 ]; then
    .venv/bin/mypy "$project/src"
    exec .venv/bin/python tests/servers/provide.py .venv/bin/pytest -n 2 --dist loadgroup "$root/$project/tests" "$@"
  fi
  exec .venv/bin/pytest -n 2 --dist loadgroup "${fast[@]}" "$root/$project/tests" "$@"
}

case "$action" in
  build) build "$@" ;;
  run) run "$@" ;;
  test) test_ "$@" ;;
  *) echo "build, run or test, not $action" >&2; exit 64 ;;
esac
