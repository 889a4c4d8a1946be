#!/usr/bin/env bash
# Tests the files of a release for arm64 on another machine: package, archive and image contain the same program, and
# under emulation it prints its version and delivers an event.
#   scripts/release/arm64.sh DIST
# DIST is the directory that release.sh has written. It needs qemu-user-static, dpkg-deb, curl and node.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/ci/lib.sh
dist=$(readlink -f "$1")
require "arm64" qemu-aarch64-static dpkg-deb curl node
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait; rm -rf "$work"' EXIT
pass() { echo "PASS $*"; }

deb=$(echo "$dist"/*_arm64.deb)
dpkg-deb -x "$deb" "$work/deb"
tar -C "$work" --strip-components 1 -xzf "$dist"/wpre-relay-*-linux-arm64.tar.gz
program=$work/deb/usr/bin/wpre-relay
cmp "$program" "$work/wpre-relay"
[[ $(dpkg-deb -f "$deb" Architecture) = arm64 ]]
[[ $(od -An -t x2 -j 18 -N 2 "$program") = " 00b7" ]] # EM_AARCH64 in the header of ELF
mkdir "$work/oci"
tar -C "$work/oci" -xf "$dist"/wpre-relay-*-oci.tar
image=
for blob in "$work"/oci/blobs/sha256/*; do
	! tar -xzOf "$blob" wpre-relay 2>/dev/null | cmp -s - "$program" || image=$blob
done
[[ -n $image ]]
pass "package, archive and image contain the same program for arm64"

relay=(qemu-aarch64-static "$program")
"${relay[@]}" --version | grep linux/arm64
events=$work/site/wp-content/realtime-events
mkdir -p "$events" "$work/state"
read -r port admin < <(free_ports 2)
"${relay[@]}" --watch "$events" --listen "127.0.0.1:$port" --admin-listen "127.0.0.1:$admin" --state-dir "$work/state" 2>"$work/log" &
within curl -sf "http://127.0.0.1:$admin/livez"
"${relay[@]}" tail "ws://127.0.0.1:$port" >"$work/received" 2>>"$work/log" &
connected() { curl -sf "http://127.0.0.1:$admin/metrics" | grep '^wpre_relay_clients[^ ]* 1$'; }
within connected
echo '{"timestamp":1700000000,"type":"post_saved","post_title":"from arm64"}' >"$events/latest_event.json"
within grep "from arm64" "$work/received"
pass "an event reaches wpre-relay tail, both emulated"
