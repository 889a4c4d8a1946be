#!/usr/bin/env bash
# Fuzzes all that comes from outside: the event file, the journal, clients' frames and handshakes, tokens, filters and
# forwarded addresses; each for a time (minutes, or what is given):
#   scripts/fuzz.sh [5m]
# It needs Go.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-5m}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

fuzz() { # fuzz TARGET PACKAGE
	echo "-- $1 for $time"
	if go test -run '^$' -fuzz "^$1\$" -fuzztime "$time" "$2" >"$log" 2>&1; then
		tail -n 1 "$log"
	elif grep -q '^ *context deadline exceeded$' "$log" && ! grep -q 'Failing input' "$log"; then
		echo "ended by its time in the middle of an input; Go calls that a failure, but nothing was found"
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
