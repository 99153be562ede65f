#!/usr/bin/env bash
# Checks and tests everything: ./test.sh [--fast] [arguments of pytest]
# Without --fast it also type-checks, and provides a real PostgreSQL, RabbitMQ and Chromium.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=.ci/environment.sh
. .ci/environment.sh
fast=0
if [ "${1:-}" = --fast ]; then
  fast=1
  shift
fi
.venv/bin/ruff check -q .
.venv/bin/ruff format -q --check .
.venv/bin/lint-imports --no-logo
if [ $fast = 1 ]; then exec .venv/bin/pytest -n 2 --dist loadgroup -m 'not servers and not slow' "$@"; fi
.venv/bin/mypy libs/*/src core/*/src gateway/src
exec .venv/bin/python tests/servers/provide.py .venv/bin/pytest -n 2 --dist loadgroup "$@"
