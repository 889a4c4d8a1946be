// The status page: shows what /api/live tells, and how /api/trend says that it was.
'use strict';

const $ = (id) => document.getElementById(id);
const decisions = ['relayed', 'torn', 'duplicate', 'filtered', 'invalid', 'overwritten'];
const maxShown = 200;
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

// say changes a text only if it differs: screen readers read what changes.
function say(id, text, className) {
	if ($(id).textContent !== text) $(id).textContent = text;
	if (className !== undefined && $(id).className !== className) $(id).className = className;
}

function showReport(report) {
	const { watch, broker, server, delivery } = report;
	say('state', report.not_ready ? `Not ready: ${report.not_ready}` : 'Ready', report.not_ready ? 'bad' : 'good');
	say('clients', number(server.clients));
	say('transports', `${number(server.clients - server.event_streams)} WebSocket, ${number(server.event_streams)} event streams`);
	say('events', number(report.decisions.relayed + report.decisions.torn + report.decisions.filtered));
	say('position', report.position && `at ${report.position}`);
	say('p50', delivery.count ? milliseconds(delivery.p50_ms) : '–');
	say('p99', delivery.count ? `p99 ${milliseconds(delivery.p99_ms)}, of the last ${number(delivery.count)}` : 'nothing delivered yet');
	say('mode', watch?.mode || '–');
	say('present', watch ? watch.problem || watch.reason || (watch.present ? 'the file is there' : 'no event yet') : 'nothing is watched here', watch?.problem ? 'note bad' : 'note');
	say('uptime', duration(report.uptime_seconds));
	say('version', report.version);
	say('kept', `${number(report.kept)} events`);
	say('journal', report.journal_error || (broker ? 'of all relays' : 'on disk'), report.journal_error ? 'note bad' : 'note');
	for (const decision of decisions) say(`count-${decision}`, `(${number(report.decisions[decision])})`);
	showCounts('rejected', server.rejected);
	showCounts('closed', server.closed);
	const rows = [];
	if (watch) {
		rows.push(['File', watch.file], ['Companion', watch.outbox ? 'keeps every event' : 'not there'], ['Notifications', number(watch.notifications)],
			['Overflows', number(watch.overflows)], ['Set up anew', number(watch.rearmed)]);
	}
	if (broker) {
		rows.push(['Broker', broker.connected ? 'connected' : `away: ${broker.problem}`], ['Waits for the broker', number(broker.pending)],
			['Broker came back', number(broker.reconnects)], ['Lost to others', number(broker.lost)]);
	}
	$('watch').replaceChildren(...rows.map((cells) => row(cells)));
}

function showCounts(id, counts) {
	const rows = Object.entries(counts ?? {}).filter(([, n]) => n > 0).sort().map(([name, n]) => row([name, number(n)], ['', 'number']));
	$(id).replaceChildren(...(rows.length ? rows : [row(['none', ''])]));
}

function showChanges() {
	if (paused) return;
	const rows = changes.filter((c) => shown.has(c.decision)).map((c) => row([
		new Date(c.time).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 }),
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
	// After a restart of the relay the numbers begin anew.
	if (more[0].number <= newest) changes = [];
	newest = more.at(-1).number;
	changes = [...more.reverse(), ...changes].slice(0, maxShown);
	showChanges();
}

function draw(svg, caption, name, samples, value, format) {
	const width = 600, height = 120, pad = 6;
	const end = Date.now(), start = end - 3600e3;
	const points = samples.filter((s) => value(s) !== null).map((s) => [Date.parse(s.time), value(s)]);
	const most = Math.max(...points.map(([, v]) => v), 0);
	const x = (t) => Math.max(0, (t - start) / (end - start) * width);
	const y = (v) => height - pad - (most ? v / most : 0) * (height - 2 * pad);
	const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
	line.setAttribute('points', points.map(([t, v]) => `${x(t).toFixed(1)},${y(v).toFixed(1)}`).join(' '));
	const ground = document.createElementNS('http://www.w3.org/2000/svg', 'line');
	for (const [key, v] of Object.entries({ x1: 0, x2: width, y1: height - pad, y2: height - pad })) ground.setAttribute(key, v);
	svg.replaceChildren(ground, line);
	const now = points.length ? `: now ${format(points.at(-1)[1])}, at most ${format(most)}` : ': none yet';
	say(caption, name + now);
}

async function showTrend() {
	try {
		const samples = await (await fetch('api/trend')).json();
		draw($('clients-chart'), 'clients-caption', 'Clients, last hour', samples, (s) => s.clients, number);
		draw($('delay-chart'), 'delay-caption', 'Delivery, p50 of the last 1000, last hour', samples,
			(s) => s.delivery.count ? s.delivery.p50_ms : null, milliseconds);
	} catch {
		// The relay is away: the event stream says so.
	}
}

function connect() {
	const source = new EventSource('api/live');
	source.addEventListener('report', (e) => showReport(JSON.parse(e.data)));
	source.addEventListener('changes', (e) => addChanges(JSON.parse(e.data)));
	source.addEventListener('error', () => {
		say('state', 'The relay does not answer; trying again…', 'bad');
		if (source.readyState === EventSource.CLOSED) setTimeout(connect, 3000);
	});
}

connect();
showTrend();
setInterval(showTrend, 5000);
