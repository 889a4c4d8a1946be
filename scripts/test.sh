#!/usr/bin/env bash
# All checks of the project, in the order of their price:
#   scripts/test.sh
# It needs Go. The test against real PHP needs php and node as well, that of clients node and Chromium, and some benchmarks
# node: as root on Debian it installs PHP and Chromium, elsewhere it says what it skips, and with CI=true a skip is a
# failure.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$*"; }

in_modules() { # in_modules COMMAND...: in the program's module and in the benchmark's peers'.
	"$@"
	(cd scripts/bench/peers && "$@")
}

step "gofmt"
unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	printf 'not formatted, run gofmt -w:\n%s\n' "$unformatted" >&2
	exit 1
fi

step "go mod tidy"
in_modules go mod tidy -diff

step "go vet, for every system it runs on"
in_modules go vet ./...
for os in darwin windows; do GOOS=$os in_modules go vet ./...; done

step "staticcheck, all checks"
in_modules go tool -modfile="$PWD/scripts/tools.mod" staticcheck -checks all ./...

step "go test -race"
go test -race -count=1 ./...

step "fuzzing, a few seconds each"
go test -run '^$' -fuzz '^FuzzDecode$' -fuzztime "${FUZZTIME:-10s}" ./schema
go test -run '^$' -fuzz '^FuzzJournal$' -fuzztime "${FUZZTIME:-10s}" ./relay/eventlog
go test -run '^$' -fuzz '^FuzzReader$' -fuzztime "${FUZZTIME:-10s}" ./relay/bench/wire

step "every benchmark runs"
scripts/bench.sh --smoke

step "real PHP writers, and a client of another's making"
scripts/phpwriter/run.sh

step "clients in a browser and of others' making, under faults"
scripts/clients/run.sh

printf '\nall checks passed\n'
