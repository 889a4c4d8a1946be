#!/usr/bin/env bash
# Compares the relay with a minimal program (the baseline) and with servers built on common libraries (the
# competitors).
#   scripts/bench.sh                              all scenarios, about 20 minutes
#   scripts/bench.sh --scenario latency,capture   some scenarios; --help lists them
#   scripts/bench.sh --smoke                      each scenario once, about 30 seconds
#   scripts/bench.sh --rounds 1 --json FILE       one more round of the results in FILE; --report prints them
# It prints tables in Markdown, and its progress on standard error. It needs Linux and Go; the competitors in Node
# need node and npm, and the comparison of TLS needs nginx. It reports skipped parts; with CI=true, missing programs
# are a failure, except nginx. It reduces the number of clients to the limit of open files (ulimit -n). It builds and
# runs everything in temporary directories.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/ci/lib.sh

skip() {
	echo "SKIPPED: $*" >&2
	[[ ${CI:-} != true ]] || exit 1
}

if [[ $(uname) != Linux ]]; then
	skip "the benchmarks (they need Linux)"
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

# Read the load before the builds raise it.
read -r load _ </proc/loadavg

build_relay "$work/wpre-relay"
export CGO_ENABLED=0 GOFLAGS=-trimpath
go build -o "$work" ./scripts/bench/baseline
go build -o "$work/compare" ./scripts/bench
go build -C scripts/bench/competitors -o "$work" ./gws ./coder
if command -v node >/dev/null && command -v npm >/dev/null; then
	npm_install scripts/bench/competitors/node
	cp -R scripts/bench/competitors/node "$work"
else
	skip "the competitors in Node (missing: node and npm)"
fi

if awk -v load="$load" 'BEGIN { exit !(load > 0.5) }'; then
	printf '> Other programs use the CPU (load average %s): the results are worse than on an idle machine.\n\n' \
		"$load"
fi
"$work/compare" --bin "$work" "$@" &
child=$!
status=0
wait "$child" || status=$?
child=
(exit "$status")
