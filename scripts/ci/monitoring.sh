#!/usr/bin/env bash
# Has a real Prometheus judge what the relay gives it: the metrics, the alert rules, and that every expression of the
# dashboard finds something.
set -euo pipefail
cd "$(dirname "$0")/.."

. ci/need.sh
need "metrics, alerts and dashboard" prometheus promtool prometheus
need "metrics, alerts and dashboard" "" node

work=$(mktemp -d)
pids=()
cleanup() {
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait
	rm -rf "$work"
}
trap cleanup EXIT

within() { # within SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || { echo "FAIL $*" >&2; return 1; }
		sleep 0.1
	done
}

promtool check rules deploy/monitoring/alerts.yaml
promtool test rules deploy/monitoring/alerts_test.yaml

(cd .. && go build -o "$work/wpre-relay" .)
read -r relay admin prometheus < <(node -e '
	const net = require("node:net");
	const servers = [1, 2, 3].map(() => net.createServer().listen(0, "127.0.0.1"));
	setTimeout(() => { console.log(servers.map((s) => s.address().port).join(" ")); servers.forEach((s) => s.close()); }, 50);')
mkdir -p "$work/site/wp-content/realtime-events"
"$work/wpre-relay" --watch "$work/site" --state-dir "$work/state" --listen "127.0.0.1:$relay" --admin-listen "127.0.0.1:$admin" 2>"$work/log" &
pids+=($!)
within 10 node -e "fetch('http://127.0.0.1:$admin/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"
"$work/wpre-relay" tail "ws://127.0.0.1:$relay" >"$work/tail" 2>&1 &
pids+=($!)
within 10 grep -q connected "$work/tail"

cat >"$work/prometheus.yaml" <<YAML
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [$PWD/deploy/monitoring/alerts.yaml]
scrape_configs:
  - job_name: wpre-relay
    static_configs: [{targets: ["127.0.0.1:$admin"]}]
YAML
promtool check config "$work/prometheus.yaml"
prometheus --config.file="$work/prometheus.yaml" --storage.tsdb.path="$work/data" --web.listen-address="127.0.0.1:$prometheus" 2>"$work/prometheus.log" &
pids+=($!)

cat >"$work/judge.mjs" <<'JS'
import { readFileSync, writeFileSync } from 'node:fs';
const [, , dashboard, prometheus, file] = process.argv;
const expressions = JSON.parse(readFileSync(dashboard)).panels.flatMap((p) => p.targets.map((t) => [p.title, t.expr]));
const rare = /rejected_total|closes_total/; // where nothing has ended or was refused there may be nothing
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let missing = [];
for (let n = 0; n < 60; n++) {
	writeFileSync(file, JSON.stringify({ timestamp: 1_700_000_000 + n, type: 'post_saved' }));
	await pause(500);
	missing = [];
	for (const [title, expr] of expressions) {
		const query = expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '5s');
		const answer = await fetch(`http://${prometheus}/api/v1/query?query=${encodeURIComponent(query)}`).then((r) => r.json(), () => ({ status: 'away' }));
		const ok = answer.status === 'success' && (rare.test(expr) || answer.data.result.some((r) => r.value[1] !== 'NaN'));
		if (!ok) missing.push(`${title}: ${query}: ${JSON.stringify(answer)}`);
	}
	if (missing.length === 0) break;
}
if (missing.length) {
	console.error(missing.map((m) => `FAIL ${m}`).join('\n'));
	process.exit(1);
}
console.log(`PASS all ${expressions.length} expressions of the dashboard find something`);
JS
node "$work/judge.mjs" deploy/monitoring/dashboard.json "127.0.0.1:$prometheus" "$work/site/wp-content/realtime-events/latest_event.json"
node -e "fetch('http://127.0.0.1:$admin/metrics').then((r) => r.text()).then((t) => process.stdout.write(t))" | promtool check metrics
echo "PASS promtool finds nothing wrong with the metrics"
