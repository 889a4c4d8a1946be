#!/usr/bin/env bash
# Compares the relay with the least that a program can do, and with what others would write with the usual libraries:
#   scripts/bench.sh                              all of it, in about 15 minutes
#   scripts/bench.sh --scenario latency,capture   some of it; --help tells the names
#   scripts/bench.sh --smoke                      in less than a minute, to see that all of it runs
# It prints tables in Markdown, and on standard error how far it is. It needs Linux and Go, for the competitors in Node also
# node and npm; what it has to skip it says, and with CI=true a skip is a failure. 10,000 clients and more need as many
# open files (ulimit -n). Everything is built and run in a temporary directory.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
	echo "SKIP: $*" >&2
	[[ ${CI:-} != true ]] || exit 1
}

if [[ $(uname) != Linux ]]; then
	skip "the benchmarks need Linux"
	exit 0
fi

work=$(mktemp -d)
child=
cleanup() {
	[[ -z $child ]] || kill "$child" 2>/dev/null || true
	[[ -z $child ]] || wait "$child" || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Before the building makes it higher.
read -r load _ </proc/loadavg

go build -o "$work" . ./scripts/bench/baseline
go build -o "$work/conductor" ./scripts/bench
go build -C scripts/bench/competitors -o "$work" ./gws ./coder
if command -v node >/dev/null && command -v npm >/dev/null; then
	cp -R scripts/bench/competitors/node "$work"
	npm ci --silent --no-audit --no-fund --prefer-offline --prefix "$work/node"
else
	skip "the competitors in Node: node and npm are not installed"
fi

if awk -v load="$load" 'BEGIN { exit !(load > 0.5) }'; then
	printf '> Something else is running (load average %s): the figures are worse than they should be.\n\n' "$load"
fi
"$work/conductor" --bin "$work" "$@" &
child=$!
status=0
wait "$child" || status=$?
child=
(exit "$status")
