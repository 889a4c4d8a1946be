#!/usr/bin/env bash
# Tests the relay with Chromium and with clients from npm: the browser client, the status page, and delivery under
# faults.
#   scripts/e2e/clients/run.sh [BINARY]
# Without BINARY it builds the relay with the race detector. RESTARTS is the number of times that the relay is ended
# (default: 200), SEED the seed of the random choices. It needs Chromium, and node with npm. As root on Debian it
# installs chromium. It skips the test if a program is missing; with CI=true it fails.
set -euo pipefail
binary=
[[ -z ${1:-} ]] || binary=$(realpath "$1")
cd "$(dirname "$0")/../../.."
. scripts/ci/lib.sh
require "clients in a browser and from npm" chromium node npm

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

if [[ -z $binary ]]; then
	binary=$work/wpre-relay
	go build -race -o "$binary" .
fi
npm_install scripts/e2e

run() { # run SCRIPT ARGUMENT...
	printf -- '-- %s\n' "$1"
	node "scripts/e2e/clients/$1" "${@:2}" &
	child=$!
	wait "$child"
	child=
}
run browser.mjs "$binary" "$work"
run status.mjs "$binary" "$work"
run faults.mjs "$binary" "$work" "${RESTARTS:-200}" ${SEED:+"$SEED"}
