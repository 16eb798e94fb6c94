#!/bin/sh
# A host of B200s from nothing: from a fresh clone to the verdict, in two commands. Stop it when you like; the same
# again goes on where it was. Settings by environment variable: docs/settings.md. More: docs/b200.md
set -eu
cd "$(dirname "$0")/.."
npm ci && npx nx g ./tools:suite b200
NX_PARALLEL="${NX_PARALLEL:-64}" npx nx run b200:certify "$@"
