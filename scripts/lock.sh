#!/bin/sh
# Resolve pyproject.toml for every supported Python and system. The locks name no index: which one to ask
# is for each machine's own settings to say.
set -eu
cd "$(dirname "$0")/.."

resolve() {
  uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
    --no-annotate --custom-compile-command "make lock" "$@"
}

resolve --all-extras --group dev pyproject.toml --output-file requirements.lock
resolve --group node --output-file requirements-node.lock
resolve --group dvc --output-file requirements-dvc.lock
resolve --group feast --output-file requirements-feast.lock
