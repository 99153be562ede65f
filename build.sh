#!/usr/bin/env bash
# Builds a wheel of every project, and images where a builder is present. With --env: only makes .venv.
set -euo pipefail
cd "$(dirname "$0")"
# shellcheck source=.ci/environment.sh
. .ci/environment.sh
if [ "${1:-}" = --env ]; then exit; fi
"$(_uv "$(_python)")" build -q --wheel --all-packages --out-dir dist
ls -1 dist
for dockerfile in gateway/Dockerfile core/*/Dockerfile; do
  .ci/image.sh "$(basename "$(dirname "$dockerfile")")" "$dockerfile"
done
