#!/usr/bin/env bash
# Tests the relay's binary against PHP, which writes events as the plugin does, and the WebSocket client of npm's ws:
# run.sh [BINARY]. Without BINARY it builds one. Needs php and node with npm; where they are missing it skips the test,
# or fails if CI=true. As root on Debian it installs php-cli.
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
if ! command -v php >/dev/null && ((EUID == 0)) && [[ -f /etc/debian_version ]]; then
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends php-cli >/dev/null
fi
for need in php node npm; do
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
	(cd ../../.. && go build -o "$binary" .)
fi
npm ci --silent --no-audit --no-fund --prefer-offline --prefix ..
node check.mjs "$binary" "$work" &
child=$!
status=0
wait "$child" || status=$?
child=
(exit "$status")
