#!/usr/bin/env bash
# The same file in every project: what it does stands in .ci/project.sh at the root.
set -euo pipefail
project="$(cd "$(dirname "$0")" && pwd -P)"
root="$project"
until [ -f "$root/requirements.lock" ]; do root="$(dirname "$root")"; done
exec "$root/.ci/project.sh" "$(basename "$0" .sh)" "${project#"$root"/}" "$@"
