#!/usr/bin/env bash
# Builds a wheel of every project, and images where a builder is present. With --env: only makes .venv.
# With --lock: only writes requirements.lock anew from what the projects declare.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=.ci/environment.sh
. .ci/environment.sh
if [ "${1:-}" = --env ]; then exit; fi
if [ "${1:-}" = --lock ]; then
  "$(_uv "$(_python)")" lock -q
  "$(_uv "$(_python)")" export -q --all-packages --all-groups --no-emit-workspace --no-header \
    --format requirements-txt -o requirements.lock
  _environment
  exit
fi
"$(_uv "$(_python)")" build -q --wheel --all-packages --out-dir dist
ls -1 dist
for dockerfile in gateway/Dockerfile core/*/Dockerfile; do
  .ci/image.sh "$(basename "$(dirname "$dockerfile")")" "$dockerfile"
done
