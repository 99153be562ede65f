#!/usr/bin/env bash
# Sets up what is missing and starts the whole platform in one process, with demo users and patients.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=.ci/environment.sh
. .ci/environment.sh
export BEDSIDE_DEMO="${BEDSIDE_DEMO:-1}"
# Requests are logged as JSON on standard error; here only what went wrong is worth the screen.
export BEDSIDE_LOG_LEVEL="${BEDSIDE_LOG_LEVEL:-warning}"
exec .venv/bin/bedside up "$@"
