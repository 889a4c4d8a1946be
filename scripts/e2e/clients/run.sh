#!/usr/bin/env bash
# Tests the relay's binary with clients of others' making, under faults and in a browser: run.sh [BINARY]. Without BINARY
# it builds one. Needs node with npm, and Chromium; where they are missing it skips the test, or fails if CI=true. As root
# on Debian it installs chromium. RESTARTS and SEED set how often the relay is ended, and how it happens.
set -euo pipefail
cd "$(dirname "$0")"

skip() {
	echo "SKIP: $*"
	[[ ${CI:-} != true ]] || exit 1
	exit 0
}

if (($# > 0)); then
	binary=$(cd "$OLDPWD" && realpath "$1")
fi
if ! command -v chromium >/dev/null && ((EUID == 0)) && [[ -f /etc/debian_version ]]; then
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null
fi
for need in chromium node npm; do
	command -v "$need" >/dev/null || skip "$need is not installed"
done

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

if [[ -z ${binary:-} ]]; then
	binary=$work/wpre-relay
	(cd ../../.. && go build -race -o "$binary" .)
fi
npm ci --silent --no-audit --no-fund --prefer-offline --prefix ..

run() { # run SCRIPT ARGUMENT...
	printf -- '-- %s\n' "$1"
	node "$@" &
	child=$!
	wait "$child"
	child=
}
run browser.mjs "$binary" "$work"
run status.mjs "$binary" "$work"
run faults.mjs "$binary" "$work" "${RESTARTS:-200}" ${SEED:+"$SEED"}
