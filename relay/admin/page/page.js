// The status page: shows the event stream of /api/live, and the samples of /api/trend as charts.
'use strict';

const $ = (id) => document.getElementById(id);
const decisions = ['relayed', 'torn', 'duplicate', 'filtered', 'invalid', 'overwritten'];
const maxRows = 200;
const timeFormat = { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 };
const shown = new Set(decisions);
let changes = [];
let newest = 0;
let paused = false;

for (const decision of decisions) {
	const label = document.createElement('label');
	const box = Object.assign(document.createElement('input'), { type: 'checkbox', checked: true });
	box.addEventListener('change', () => {
		if (box.checked) shown.add(decision);
		else shown.delete(decision);
		showChanges();
	});
	const count = Object.assign(document.createElement('span'), { id: `count-${decision}` });
	label.append(box, ` ${decision} `, count);
	$('filter').append(label);
}
$('pause').addEventListener('click', () => {
	paused = !paused;
	$('pause').setAttribute('aria-pressed', paused);
	if (!paused) showChanges();
});

const number = (n) => n.toLocaleString('en');
const milliseconds = (n) => n < 10 ? `${n.toFixed(2)} ms` : `${number(Math.round(n))} ms`;

function duration(seconds) {
	const parts = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
	const first = parts.findIndex(([size]) => seconds >= size || size === 1);
	return parts.slice(first, first + 2).map(([size, unit]) => {
		const n = Math.floor(seconds / size);
		seconds -= n * size;
		return `${n} ${unit}`;
	}).join(' ');
}

function row(cells, classes = []) {
	const tr = document.createElement('tr');
	cells.forEach((text, i) => {
		const td = document.createElement('td');
		td.textContent = text ?? '';
		if (classes[i]) td.className = classes[i];
		tr.append(td);
	});
	return tr;
}

// setText changes an element only if the text differs, because screen readers announce each change.
function setText(id, text, className) {
	if ($(id).textContent !== text) $(id).textContent = text;
	if (className !== undefined && $(id).className !== className) $(id).className = className;
}

function showReport(report) {
	const { watch, broker, server, delivery } = report;
	setText('state', report.not_ready ? `Not ready: ${report.not_ready}` : 'Ready', report.not_ready ? 'bad' : 'good');
	setText('clients', number(server.clients));
	const webSockets = server.clients - server.event_streams;
	setText('transports', `${number(webSockets)} WebSocket, ${number(server.event_streams)} SSE`);
	setText('events', number(report.decisions.relayed + report.decisions.torn + report.decisions.filtered));
	setText('position', report.position && `at ${report.position}`);
	setText('p50', delivery.count ? milliseconds(delivery.p50_ms) : '–');
	const p99 = `p99 ${milliseconds(delivery.p99_ms)} of ${number(delivery.count)} events`;
	setText('p99', delivery.count ? p99 : 'no deliveries yet');
	setText('mode', watch?.mode || '–');
	setText('present', watchNote(watch), watch?.problem ? 'note bad' : 'note');
	setText('uptime', duration(report.uptime_seconds));
	setText('version', report.version);
	setText('kept', `${number(report.kept)} events`);
	const storage = broker ? 'shared by all relays' : 'on disk';
	setText('journal', report.journal_error || storage, report.journal_error ? 'note bad' : 'note');
	for (const decision of decisions) setText(`count-${decision}`, `(${number(report.decisions[decision])})`);
	showCounts('rejected', server.rejected);
	showCounts('closed', server.closed);
	$('watch').replaceChildren(...[...watchRows(watch), ...brokerRows(broker)].map((cells) => row(cells)));
}

function watchNote(watch) {
	if (!watch) return 'no file is watched';
	return watch.problem || watch.reason || (watch.present ? 'file found' : 'no event yet');
}

function watchRows(watch) {
	return !watch ? [] : [
		['File', watch.file],
		['Companion', watch.outbox ? 'keeps every event' : 'not installed'],
		['Notifications', number(watch.notifications)],
		['Overflows', number(watch.overflows)],
		['Watch restarts', number(watch.rearmed)],
	];
}

function brokerRows(broker) {
	return !broker ? [] : [
		['Broker', broker.connected ? 'connected' : `unreachable: ${broker.problem}`],
		['Not acknowledged', number(broker.pending)],
		['Reconnects', number(broker.reconnects)],
		['Not published', number(broker.lost)],
	];
}

function showCounts(id, counts) {
	const counted = Object.entries(counts ?? {}).filter(([, n]) => n > 0).sort();
	const rows = counted.map(([name, n]) => row([name, number(n)], ['', 'number']));
	$(id).replaceChildren(...(rows.length ? rows : [row(['none', ''])]));
}

function showChanges() {
	if (paused) return;
	const rows = changes.filter((c) => shown.has(c.decision)).map((c) => row([
		new Date(c.time).toLocaleTimeString('en-GB', timeFormat),
		c.writes > 1 ? `${c.decision} × ${number(c.writes)}` : c.decision,
		c.type,
		c.post_id,
		c.status,
		c.reason || c.title,
		c.bytes ? number(c.bytes) : '',
	], ['', c.decision, '', '', '', '', 'number']));
	if (changes.length) $('changes').replaceChildren(...rows);
}

function addChanges(more) {
	// After a restart of the relay, the numbers start at 1 again.
	if (more[0].number <= newest) changes = [];
	newest = more.at(-1).number;
	changes = [...more.reverse(), ...changes].slice(0, maxRows);
	showChanges();
}

// draw shows a value of the samples as a line over the last hour, and its current and largest value in the caption.
function draw(svg, caption, name, samples, value, format) {
	const width = 600, height = 120, pad = 6;
	const end = Date.now(), start = end - 3600e3;
	const points = samples.filter((s) => value(s) !== null).map((s) => [Date.parse(s.time), value(s)]);
	const most = Math.max(...points.map(([, v]) => v), 0);
	const x = (t) => Math.max(0, (t - start) / (end - start) * width);
	const y = (v) => height - pad - (most ? v / most : 0) * (height - 2 * pad);
	const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
	line.setAttribute('points', points.map(([t, v]) => `${x(t).toFixed(1)},${y(v).toFixed(1)}`).join(' '));
	const baseline = document.createElementNS('http://www.w3.org/2000/svg', 'line');
	const ends = { x1: 0, x2: width, y1: height - pad, y2: height - pad };
	for (const [key, v] of Object.entries(ends)) baseline.setAttribute(key, v);
	svg.replaceChildren(baseline, line);
	const summary = points.length ? `: now ${format(points.at(-1)[1])}, maximum ${format(most)}` : ': none yet';
	setText(caption, name + summary);
}

async function showTrend() {
	try {
		const samples = await (await fetch('api/trend')).json();
		draw($('clients-chart'), 'clients-caption', 'Clients, last hour', samples, (s) => s.clients, number);
		draw($('delay-chart'), 'delay-caption', 'Delivery latency, p50 of 1000 events, last hour', samples,
			(s) => s.delivery.count ? s.delivery.p50_ms : null, milliseconds);
	} catch {
		// The relay is unreachable: the error event of the event stream reports it.
	}
}

function connect() {
	const source = new EventSource('api/live');
	source.addEventListener('report', (e) => showReport(JSON.parse(e.data)));
	source.addEventListener('changes', (e) => addChanges(JSON.parse(e.data)));
	source.addEventListener('error', () => {
		setText('state', 'The relay is unreachable, reconnecting…', 'bad');
		if (source.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
	});
}

connect();
showTrend();
setInterval(showTrend, 5000);
