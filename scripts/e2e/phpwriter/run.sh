#!/usr/bin/env bash
# Tests the relay between PHP processes, which write events as the plugin does, and WebSocket clients from npm's ws.
#   scripts/e2e/phpwriter/run.sh [BINARY]
# Without BINARY it builds the relay. It needs php, and node with npm. As root on Debian it installs php-cli. It skips
# the test if a program is missing; with CI=true it fails.
set -euo pipefail
[[ -z ${1:-} ]] || RELAY_BINARY=$(realpath "$1")
cd "$(dirname "$0")/../../.."
. scripts/ci/lib.sh
require "PHP writers" php node npm

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

build_relay "$work/wpre-relay"
npm_install scripts/e2e
node scripts/e2e/phpwriter/check.mjs "$work/wpre-relay" "$work" &
child=$!
status=0
wait "$child" || status=$?
child=
(exit "$status")
