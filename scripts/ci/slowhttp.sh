#!/usr/bin/env bash
# Attacks the relay with slowhttptest: slow headers, slow bodies and slow reading, with 1,000 connections each. During
# the attack a client must receive every event, and afterwards the relay must have released all descriptors and
# memory.
#   scripts/ci/slowhttp.sh
# It needs go and slowhttptest. As root on Debian it installs slowhttptest. It skips the test if a program is missing;
# with CI=true it fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/ci/lib.sh
require "slow attacks" slowhttptest

work=$(mktemp -d /tmp/wpre-slow.XXXXXX)
pids=()
cleanup() {
	local status=$?
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait
	((status == 0)) || tail -n 20 "$work"/*.log >&2
	rm -rf "$work"
	exit "$status"
}
trap cleanup EXIT

build_relay "$work/wpre-relay"
file=$work/site/wp-content/realtime-events/latest_event.json
mkdir -p "${file%/*}"
"$work/wpre-relay" --watch "$work/site" --state-dir "$work/state" --listen 127.0.0.1:0 --admin-listen off \
	--log-format json >"$work/relay.log" 2>&1 &
relay=$!
pids+=("$relay")
url_line='"url":"ws://[^"]*"'
within grep -q "$url_line" "$work/relay.log"
address=$(sed -n 's|.*"url":"ws://\([^/"]*\)/".*|\1|p' "$work/relay.log" | head -n 1)
"$work/wpre-relay" tail "$address" >"$work/tail.out" 2>"$work/tail.log" &
pids+=($!)
within grep -q connected "$work/tail.log"

descriptors() { find "/proc/$relay/fd" -mindepth 1 | wc -l; }
memory() { awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$relay/status"; } # in MiB
received() { wc -l <"$work/tail.out"; }
received_all() { (($(received) >= sent)); }
released() { (($(descriptors) <= before + 2)); }
before=$(descriptors)
sent=0
failed=0
for attack in -H -B -X; do
	slowhttptest "$attack" -c 1000 -r 1000 -i 1 -l 12 -p 2 -u "http://$address/history" >"$work/attack.log" 2>&1 &
	attacker=$!
	peak=0
	while kill -0 "$attacker" 2>/dev/null; do
		sent=$((sent + 1))
		printf '{"timestamp":%d,"type":"post_saved"}' "$sent" >"$file"
		within received_all || true # the attack may delay an event; the count below must still match
		sleep 0.025
		now=$(memory)
		peak=$((now > peak ? now : peak))
	done
	wait "$attacker" || true
	grep -qi "exit status" "$work/attack.log" || { echo "FAIL slowhttptest $attack did not run" >&2; exit 1; }
	within released || true
	left=$(($(descriptors) - before))
	result="$(received) of $sent events received, $left descriptors left open, peak memory $peak MiB"
	if (($(received) == sent && left <= 2 && peak < 100)); then
		echo "PASS slowhttptest $attack: $result"
	else
		echo "FAIL slowhttptest $attack: $result"
		failed=1
	fi
done
exit "$failed"
