// The page of the demo. It receives events with the relay's own client. Beside that, it has a connection to the demo
// (/live) that compares the clocks, reports when this page had an event, and gets the traces of all events.
'use strict';

const MAX_ROWS = 10;
const MAX_TRACES = 50;
const SAMPLES = 30; // comparisons of the clocks that are kept
const SYNC_EVERY = 5000; // ms
const FIRST_SYNCS = { count: 20, every: 100 }; // ms
const RETRY = 2000; // ms
const RESOLUTION = globalThis.crossOriginIsolated ? 0.02 : 1; // ms; browsers round their clocks

const element = (id) => document.getElementById(id);
const relay = document.documentElement.dataset.relay;
const scheme = location.protocol === 'https:' ? 'wss' : 'ws';

const traces = new Map(); // by post, in the order of the posts
const positions = new Map(); // by post
let saved = { before: 0, last: 0 }; // the posts of the last click: those after before, up to last

// Clock: clock() + offset is the time of the demo's process, in ms, give or take the error.

const clock = () => performance.now();
let samples = [];
const best = () => samples.reduce((a, b) => (!a || b.error < a.error ? b : a), undefined);

/** Adds a comparison: the demo's clock was now when ours was between sent and received. */
function addSample(now, sent, received) {
	samples.push({ offset: now - (sent + received) / 2, error: (received - sent) / 2 + RESOLUTION });
	samples = samples.slice(-SAMPLES);
	element('clock').textContent = `the result in this page is exact to${inexact(best().error)} ms`;
}

// Connection to the demo.

let live;

function connectLive() {
	const socket = new WebSocket(`${scheme}://${location.host}/live`);
	const sent = new Map(); // times of requests for the time
	let requests = 0;
	const sync = () => {
		if (socket.readyState !== WebSocket.OPEN) return;
		sent.set(++requests, clock());
		socket.send(JSON.stringify({ clock: requests }));
	};
	const timer = setInterval(sync, SYNC_EVERY);
	socket.onopen = () => {
		live = socket;
		samples = [];
		traces.clear();
		sync();
	};
	socket.onmessage = ({ data }) => {
		const received = clock();
		const message = JSON.parse(data);
		if (message.clock) {
			addSample(message.now_us / 1000, sent.get(message.clock), received);
			sent.delete(message.clock);
			if (requests < FIRST_SYNCS.count) setTimeout(sync, FIRST_SYNCS.every);
			return;
		}
		for (const trace of message.traces) traces.set(trace.post, trace);
		trim(traces);
		requestAnimationFrame(render);
	};
	socket.onclose = () => {
		clearInterval(timer);
		live = undefined;
		setTimeout(connectLive, RETRY);
	};
}

/** Removes the oldest entries of a map. */
function trim(map) {
	for (const key of map.keys()) {
		if (map.size <= MAX_TRACES) return;
		map.delete(key);
	}
}

// Events from the relay.

document.addEventListener('wpre:event', ({ detail: { id, event } }) => {
	const at = clock();
	const sample = best();
	if (live && sample) {
		const [at_us, error_us] = [(at + sample.offset) * 1000, sample.error * 1000];
		live.send(JSON.stringify({ post: event.post_id, at_us, error_us }));
	}
	positions.set(event.post_id, id);
	trim(positions);
});

document.addEventListener('wpre:state', ({ detail: { state, transport } }) => {
	const connection = element('connection');
	const names = { websocket: 'connected by WebSocket', sse: 'connected by Server-Sent Events' };
	connection.textContent = state === 'open' ? names[transport] : 'disconnected, retrying';
	connection.classList.toggle('good', state === 'open');
});

// The form.

element('form').addEventListener('submit', async (submit) => {
	submit.preventDefault();
	const { title, status } = Object.fromEntries(new FormData(submit.target));
	const count = Number(submit.submitter?.value ?? 1);
	const result = element('result');
	try {
		const response = await fetch('posts', { method: 'POST', body: JSON.stringify({ title, status, count }) });
		if (!response.ok) throw new Error(await response.text());
		const { post } = await response.json();
		saved = { before: post - count, last: post };
		result.textContent = '';
		render();
	} catch (error) {
		result.textContent = `Not saved: ${error.message}`;
	}
});

// Rendering.

const DECISIONS = {
	relayed: 'new: relayed to everyone',
	filtered: 'filtered: not for visitors',
	overwritten: 'overwritten before it was read',
	duplicate: 'duplicate of an earlier event',
};

/** Returns a time with three significant digits, but at most three decimals. */
const format = (ms) => ms.toFixed(ms < 1 ? 3 : ms < 10 ? 2 : 1);
const time = (ms) => (ms ? format(ms) : '–');
const inexact = (ms) => ` ± ${ms.toFixed(ms < 1 ? 2 : 1)}`;

/** Returns the receipt of the last page, or undefined. */
const lastReceipt = ({ receipts }) => receipts.reduce((a, b) => (!a || b.after_ms > a.after_ms ? b : a), undefined);

function render() {
	const all = [...traces.values()];
	const newest = all.at(-1);
	if (!newest) return;
	renderSteps(newest);
	element('traces').replaceChildren(...all.slice(-MAX_ROWS).reverse().map(row));
	const own = all.filter(({ post }) => post > saved.before && post <= saved.last);
	if (own.length > 1) element('result').textContent = describeAll(own);
	else if (own.length === 1) element('result').textContent = describe(own[0]);
}

/** Returns what happened to the posts that one click has saved. */
function describeAll(own) {
	const lost = own.filter(({ decision }) => decision === 'overwritten').length;
	const text = `${own.length} posts saved, ${own.length - lost} read by the relay`;
	return lost === 0 ? `${text}.` : `${text}, ${lost} overwritten before. The companion keeps these too.`;
}

/** Returns what happened to a post of this page's form. */
function describe(trace) {
	const last = lastReceipt(trace);
	switch (trace.decision) {
		case 'relayed':
			return last ? `Post ${trace.post} was in ${pages(trace)} after ${format(last.after_ms)} ms.` : '';
		case '':
			return '';
		case 'filtered':
			return `Post ${trace.post} is not public: the relay keeps it, and sends it to no visitor.`;
		default:
			return `Post ${trace.post}: ${DECISIONS[trace.decision] ?? trace.decision}.`;
	}
}

/** Returns in how many of the pages the event was that were open when it was saved. */
function pages({ receipts: { length }, pages }) {
	const all = Math.max(pages, length);
	return all === 0 ? 'no page was open' : `${length} of ${all} ${all === 1 ? 'page' : 'pages'}`;
}

function renderSteps(trace) {
	const last = lastReceipt(trace);
	const hidden = trace.decision === 'filtered';
	const lost = trace.decision === 'overwritten';
	element('newest').textContent = `post ${trace.post}, “${trace.title}”`;
	step('written', trace.written_ms, `${trace.bytes} bytes, in place`);
	step('read', trace.read_ms, lost ? 'never: a newer event was there' : 'by the relay’s watcher', lost && 'lost');
	step('decided', trace.decided_ms, DECISIONS[trace.decision] ?? '', lost ? 'lost' : hidden && 'held');
	step('journal', trace.journal_ms, positions.get(trace.post) ? `position ${positions.get(trace.post)}` : 'kept');
	step('browsers', last?.after_ms, hidden ? 'none: visitors do not see it' : pages(trace), hidden && 'held', last?.error_ms);
}

/** Shows a step: its time, or – while it is not reached. The state is done unless it is given. */
function step(id, ms, detail, state, error) {
	const item = element(id);
	item.className = state || (ms ? 'done' : '');
	const unit = document.createElement('small');
	unit.textContent = ms ? ` ms${error ? inexact(error) : ''}` : '';
	item.querySelector('.time').replaceChildren(time(ms), unit);
	item.querySelector('.detail').textContent = detail;
}

function row(trace) {
	const tr = document.createElement('tr');
	const last = lastReceipt(trace);
	const decided = trace.decided_ms ? `${trace.decision} ${time(trace.decided_ms)}` : trace.decision || '–';
	for (const text of [`${trace.post}: ${trace.title}`, time(trace.written_ms), time(trace.read_ms),
		decided, time(trace.journal_ms), time(last?.after_ms)]) {
		tr.insertCell().textContent = text;
	}
	const error = document.createElement('small');
	error.textContent = last ? inexact(last.error_ms) : '';
	tr.lastChild.append(error);
	tr.cells[3].className = trace.decision;
	return tr;
}

connectLive();
if (globalThis.wpreRelay) wpreRelay.connect(`${scheme}://${relay}`, { log: true });
else element('connection').textContent = `the relay at ${relay} does not respond`;
