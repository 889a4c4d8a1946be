// Tests that each expression of a Grafana dashboard returns data: dashboard.mjs DASHBOARD PROMETHEUS_ADDRESS EVENT_FILE.
// It writes an event twice a second meanwhile, so that rates are not empty.
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';

const ATTEMPTS = 60;
// These series exist only after a connection was closed or rejected.
const MAY_BE_EMPTY = /rejected_total|closes_total/;

const [, , dashboard, prometheus, eventFile] = process.argv;
const { panels } = JSON.parse(readFileSync(dashboard));
const expressions = panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ title, expr })));

/** Runs one instant query and returns the reply of Prometheus. */
async function query(expr) {
	const text = expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '5s');
	try {
		const reply = await fetch(`http://${prometheus}/api/v1/query?query=${encodeURIComponent(text)}`);
		return await reply.json();
	} catch (error) {
		return { status: 'unreachable', error: String(error) };
	}
}

/** Returns one line for each expression that returns no data. */
async function failures() {
	const lines = [];
	for (const { title, expr } of expressions) {
		const reply = await query(expr);
		const hasData = reply.status === 'success' && reply.data.result.some(({ value }) => value[1] !== 'NaN');
		if (hasData || (reply.status === 'success' && MAY_BE_EMPTY.test(expr))) continue;
		lines.push(`FAIL ${title}: ${expr}: ${JSON.stringify(reply)}`);
	}
	return lines;
}

let failed = [];
for (let n = 0; n < ATTEMPTS; n++) {
	writeFileSync(eventFile, JSON.stringify({ timestamp: 1_700_000_000 + n, type: 'post_saved' }));
	await pause(500);
	failed = await failures();
	if (failed.length === 0) {
		console.log(`PASS all ${expressions.length} expressions of the dashboard return data`);
		break;
	}
}
if (failed.length > 0) {
	console.error(failed.join('\n'));
	process.exitCode = 1;
}
