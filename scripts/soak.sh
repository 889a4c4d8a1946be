#!/usr/bin/env bash
# Runs everything at once against the built relay: events in bursts, clients of each kind, clients that never read,
# floods, restarts and kills.
#   scripts/soak.sh                  30 minutes
#   scripts/soak.sh --duration 2m
# It prints what the relays took at several times. It fails if a client missed an event without a gap notice, got one
# twice or in the wrong order, if a relay kept descriptors or goroutines, or if its memory grew. TestSoak describes it.
# It needs Linux and Go.
set -euo pipefail
cd "$(dirname "$0")/.."
duration=30m
case $# in
0) ;;
2) [[ $1 == --duration ]] && duration=$2 || { echo "usage: scripts/soak.sh [--duration TIME]" >&2; exit 2; } ;;
*) echo "usage: scripts/soak.sh [--duration TIME]" >&2 && exit 2 ;;
esac
exec go test ./relay/integration -run '^TestSoak$' -count=1 -v -timeout 0 -soak "$duration"
