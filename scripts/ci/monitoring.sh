#!/usr/bin/env bash
# Tests the files in scripts/deploy/monitoring with a real Prometheus: the alert rules, that each expression of the
# dashboard returns data from a running relay, and that promtool accepts the relay's metrics.
#   scripts/ci/monitoring.sh
# It needs go, node and Prometheus. As root on Debian it installs prometheus. It skips the test if a program is
# missing; with CI=true it fails.
set -euo pipefail
cd "$(dirname "$0")/../.."
. scripts/ci/lib.sh
require "metrics, alerts and dashboard" node prometheus promtool

monitoring=scripts/deploy/monitoring
work=$(mktemp -d)
pids=()
cleanup() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait
	rm -rf "$work"
}
trap cleanup EXIT

promtool check rules $monitoring/alerts.yaml
promtool test rules $monitoring/alerts_test.yaml

build_relay "$work/wpre-relay"
read -r relay admin prometheus < <(free_ports 3)
mkdir -p "$work/site/wp-content/realtime-events"
"$work/wpre-relay" --watch "$work/site" --state-dir "$work/state" --listen "127.0.0.1:$relay" \
	--admin-listen "127.0.0.1:$admin" 2>"$work/log" &
pids+=($!)
fetch() { # fetch URL: prints the body, and fails unless the status is 2xx.
	node -e '
		fetch(process.argv[1]).then(async (response) => {
			process.stdout.write(await response.text());
			process.exitCode = response.ok ? 0 : 1;
		});' "$1"
}
within fetch "http://127.0.0.1:$admin/readyz"
"$work/wpre-relay" tail "ws://127.0.0.1:$relay" >"$work/tail" 2>&1 &
pids+=($!)
within grep -q connected "$work/tail"

cat >"$work/prometheus.yaml" <<YAML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$PWD/$monitoring/alerts.yaml]
scrape_configs:
  - job_name: wpre-relay
    static_configs: [{targets: ["127.0.0.1:$admin"]}]
YAML
promtool check config "$work/prometheus.yaml"
prometheus --config.file="$work/prometheus.yaml" --storage.tsdb.path="$work/data" \
	--web.listen-address="127.0.0.1:$prometheus" 2>"$work/prometheus.log" &
pids+=($!)

node scripts/ci/dashboard.mjs $monitoring/dashboard.json "127.0.0.1:$prometheus" \
	"$work/site/wp-content/realtime-events/latest_event.json"
fetch "http://127.0.0.1:$admin/metrics" | promtool check metrics
echo "PASS promtool accepts the metrics"
