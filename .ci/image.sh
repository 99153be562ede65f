#!/usr/bin/env bash
# Builds one image where a builder is present: .ci/image.sh NAME DOCKERFILE
set -euo pipefail
cd "$(dirname "$0")/.."
for builder in docker podman buildah; do
  if command -v "$builder" >/dev/null; then
    if [ "$builder" = docker ] && ! docker info >/dev/null 2>&1; then continue; fi
    # OCI images forget health checks; Docker's format keeps them.
    if [ "$builder" = docker ]; then exec docker build -q -t "bedside-$1" -f "$2" .; fi
    exec "$builder" build --format docker -q -t "bedside-$1" -f "$2" .
  fi
done
echo "No image builder (docker, podman, buildah) here: bedside-$1 was not built as an image." >&2
