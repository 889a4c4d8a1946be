#!/usr/bin/env bash
# Proves that the tests find faults: puts one deliberate fault after the other into a copy of a file, and runs the tests
# that must find it.
#   scripts/mutations.sh                 all faults, about 12 minutes; prints the table of scripts/docs/reliability.md
#   scripts/mutations.sh synced boot     the faults whose description contains one of the words
#   scripts/mutations.sh --check         only checks that each fault can still be applied and compiles
# It fails if a test passes in spite of a fault. scripts/mutations/mutations.txt lists the faults. It needs Go.
set -euo pipefail
cd "$(dirname "$0")/.."
exec go run ./scripts/mutations "$@"
