#!/usr/bin/env bash
# Attacks the relay with slowhttptest, of Debian's package: slow headers, slow bodies, slow reading, 1,000 connections each.
# Meanwhile a client must get every event, and the relay must give back all that the attack took. As root on Debian it
# installs slowhttptest; elsewhere it says that it skips, and with CI=true that is a failure. Needs go and curl.
#   scripts/ci/slowhttp.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

. scripts/ci/need.sh
need "slow attacks" slowhttptest slowhttptest

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

go build -o "$work/wpre-relay" .
file=$work/site/wp-content/realtime-events/latest_event.json
mkdir -p "${file%/*}"
"$work/wpre-relay" --watch "$work/site" --state-dir "$work/state" --listen 127.0.0.1:0 --admin-listen off --log-format json \
	>"$work/relay.log" 2>&1 &
relay=$!
pids+=("$relay")
address=
for _ in {1..100}; do
	address=$(sed -n 's|.*"browsers connect here","url":"ws://\([^/"]*\)/".*|\1|p' "$work/relay.log")
	[ -z "$address" ] || break
	sleep 0.1
done
"$work/wpre-relay" tail "$address" >"$work/tail.out" 2>"$work/tail.log" &
pids+=($!)
until grep -q connected "$work/tail.log"; do sleep 0.1; done

descriptors() { find "/proc/$relay/fd" -mindepth 1 | wc -l; }
memory() { awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$relay/status"; }
before=$(descriptors)
sent=0
failed=0
for attack in -H -B -X; do
	slowhttptest "$attack" -c 1000 -r 1000 -i 1 -l 12 -p 2 -u "http://$address/history" >"$work/attack.log" 2>&1 &
	attacker=$!
	most=0
	while kill -0 "$attacker" 2>/dev/null; do
		sent=$((sent + 1))
		printf '{"timestamp":%d,"type":"post_saved"}' "$sent" >"$file"
		for _ in {1..400}; do # until it is there: the attack may hold it up, but not off
			(($(wc -l <"$work/tail.out") < sent)) || break
			sleep 0.025
		done
		sleep 0.025
		now=$(memory)
		most=$((now > most ? now : most))
	done
	wait "$attacker" || true
	grep -qi "exit status" "$work/attack.log" || { echo "FAIL slowhttptest $attack did not run" >&2; exit 1; }
	for _ in {1..300}; do
		(($(descriptors) > before + 2)) || break
		sleep 0.1
	done
	left=$(($(descriptors) - before))
	got=$(wc -l <"$work/tail.out")
	if ((got == sent && left <= 2 && most < 100)); then
		echo "PASS slowhttptest $attack: all $sent events so far; $most MiB at most"
	else
		echo "FAIL slowhttptest $attack: $got of $sent events, $left descriptors left, $most MiB at most"
		failed=1
	fi
done
exit "$failed"
