// Loads the samples of the relay, and shows them as charts over a range that fits the uptime.
import { $ } from './dom.js';
import { Chart } from './chart.js';
import { duration, milliseconds, number, rate } from './format.js';
import { getJSON, whileVisible } from './live.js';

const HOUR = 3600;
const FITTING = [300, 900, HOUR, 6 * HOUR, 24 * HOUR]; // ranges in seconds, of which the smallest that fits is shown
const MAX_GAP = 3; // intervals between two samples after which a line is interrupted
const LOADED = { hour: { query: 'api/trend', interval: 5, samples: [] },
	day: { query: 'api/trend?range=day', interval: 120, samples: [] } };

let uptime = 0;
let charts;

/** Sets the uptime in seconds, which selects the range. */
export function setUptime(seconds) { uptime = seconds; }

const fitting = () => FITTING.find((seconds) => seconds >= uptime) ?? FITTING.at(-1);

const selected = () => Number(document.querySelector('input[name="range"]:checked').value) || fitting();

export function startTrend() {
	const perSecond = (n) => `${rate(n)}/s`;
	charts = [
		[new Chart($('clients-chart'), { title: 'Clients', format: number, whole: true }), (s) => s.clients],
		[new Chart($('events-chart'), { title: 'New events', format: perSecond }), difference('sent')],
		[new Chart($('messages-chart'), { title: 'Events to clients', format: perSecond }), difference('messages')],
		[new Chart($('latency-chart'), { title: 'Latency, p50', format: milliseconds }),
			(s) => s.delivery.count ? s.delivery.p50_ms : null],
	];
	for (const input of document.querySelectorAll('input[name="range"]')) input.addEventListener('change', refresh);
	whileVisible($('charts'), 5000, refresh);
}

/** Returns a function for the rate of a count between two samples; null if the relay was restarted between them. */
function difference(name) {
	return (sample, before) => {
		if (!before || sample[name] < before[name]) return null;
		return (sample[name] - before[name]) / ((sample.at - before.at) / 1000);
	};
}

async function refresh() {
	const range = selected();
	const source = range > HOUR ? LOADED.day : LOADED.hour;
	await load(source);
	const end = Date.now();
	$('range-shown').textContent = `The last ${duration(range)}.`;
	for (const [chart, value] of charts) chart.show(pointsOf(source, value), end - range * 1000, end);
}

/** Loads the samples since the last one. */
async function load(source) {
	const last = source.samples.at(-1);
	if (last && Date.now() - last.at < source.interval * 1000) return;
	const after = last ? `${source.query.includes('?') ? '&' : '?'}after=${encodeURIComponent(last.time)}` : '';
	const samples = await getJSON(source.query + after) ?? [];
	const oldest = Date.now() - FITTING.at(-1) * 1000;
	source.samples = [...source.samples, ...samples.map((s) => ({ ...s, at: Date.parse(s.time) }))]
		.filter((sample) => sample.at > oldest).slice(-720);
}

function pointsOf({ samples, interval }, value) {
	return samples.flatMap((sample, i) => {
		const before = samples[i - 1];
		const point = [sample.at, value(sample, before)];
		const interrupted = before && sample.at - before.at > MAX_GAP * interval * 1000;
		return interrupted ? [[before.at + 1, null], point] : [point];
	});
}
