#!/usr/bin/env bash
# Fuzzes everything that parses input from outside: the event file, the journal, WebSocket frames and handshakes,
# tokens, filters and forwarded addresses. Each target runs for the given time, or for $FUZZTIME (default: 5m), in
# $WORKERS processes (default: one for each processor).
#   scripts/fuzz.sh [5m]
# It needs Go.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-${FUZZTIME:-5m}}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

fuzz() { # fuzz TARGET PACKAGE
	echo "-- $1 for $time"
	if go test -run '^$' -fuzz "^$1\$" -fuzztime "$time" ${WORKERS:+-parallel="$WORKERS"} "$2" >"$log" 2>&1; then
		tail -n 1 "$log"
	elif grep -q '^ *context deadline exceeded$' "$log" && ! grep -q 'Failing input' "$log"; then
		# The time limit ended in the middle of an input. Go reports that as a failure although no input failed.
		echo "stopped by the time limit; no input failed"
	else
		cat "$log" >&2
		return 1
	fi
}

grep -rl --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do
	sed -n 's/^func \(Fuzz[A-Za-z]*\)(.*/\1/p' "$file" | while read -r target; do
		fuzz "$target" "./$(dirname "$file")"
	done
done
