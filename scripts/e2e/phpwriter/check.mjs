// Checks a relay between PHP and WebSocket clients: check.mjs BINARY DIR. In each case a relay of its own watches a
// folder below DIR, clients connect, PHP processes write, and what arrived is compared with what was written.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import { WebSocket } from 'ws';

const CASES = [
	{ name: 'a', writers: 1, count: 500, gap: 5000, leisurely: true, fresh: true, signal: 'SIGTERM', code: 1012 },
	{ name: 'b', writers: 1, count: 2000, gap: 0, signal: 'SIGINT', code: 1001 },
	{ name: 'c', writers: 4, count: 1000, gap: 2000, signal: 'SIGTERM', code: 1012 },
	{ name: 'd', writers: 4, count: 1000, gap: 0, signal: 'SIGINT', code: 1001 },
];
const CLIENTS = 3;
const TOLERANCE = 0.01; // of the writes, by which captured and overwritten together may differ from them
const LEISURELY = 0.9; // of the writes that a relay captures of one writer, even if the machine stops for a moment
const PATIENCE = 10_000; // ms, for what must happen
const STABLE = 150; // ms without a change after which counters count as final
const FIELDS = {
	post_saved: ['timestamp', 'type', 'post_id', 'post_title', 'status', 'is_update'],
	initialized: ['timestamp', 'type'],
};

const [, , binary, workDir] = process.argv;
let passed = 0;
let failed = 0;

function check(what, ok, detail = '') {
	console.log(`${ok ? 'PASS' : 'FAIL'} ${what}${ok || detail === '' ? '' : `: ${detail}`}`);
	ok ? passed++ : failed++;
}

// --- processes: all that are started here are ended here -----------------------------------------------------------

const running = new Set();

function start(command, args) {
	const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
	running.add(child);
	child.errors = '';
	child.stderr.on('data', (text) => (child.errors += text));
	child.ended = new Promise((resolve) => {
		child.on('close', (code, signal) => resolve(signal ?? code));
		child.on('error', (err) => resolve(err.message));
	}).finally(() => running.delete(child));
	return child;
}

process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

// --- waiting -------------------------------------------------------------------------------------------------------

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Returns what probe returns as soon as that is truthy, undefined if it is not in time. */
async function until(probe, ms = PATIENCE) {
	for (const end = Date.now() + ms; Date.now() < end; await pause(10)) {
		const value = await probe();
		if (value) return value;
	}
	return undefined;
}

/** Waits for a promise, but not for ever. */
async function within(promise, what, ms = PATIENCE) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
	});
	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// --- the relay -----------------------------------------------------------------------------------------------------

async function freePorts(count) {
	const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
	await Promise.all(servers.map((server) => once(server, 'listening')));
	const ports = servers.map((server) => server.address().port);
	await Promise.all(servers.map((server) => once(server.close(), 'close')));
	return ports;
}

async function startRelay(dir) {
	const [port, adminPort] = await freePorts(2);
	const child = start(binary, [
		'--watch', join(dir, 'site'),
		'--state-dir', join(dir, 'state'),
		'--listen', `127.0.0.1:${port}`,
		'--admin-listen', `127.0.0.1:${adminPort}`,
	]);
	const relay = { child, url: `ws://127.0.0.1:${port}/`, admin: `http://127.0.0.1:${adminPort}` };
	const ready = () => fetch(`${relay.admin}/readyz`).then((res) => res.ok, () => false);
	if (!(await until(async () => child.exitCode !== null || (await ready()))) || child.exitCode !== null) {
		throw new Error(`the relay does not start:\n${child.errors}`);
	}
	return relay;
}

/** Returns the relay's counters once nothing of them changes any more and all clients have what was sent. */
async function finalStatus(relay, clients) {
	let last = '';
	let since = Date.now();
	let status;
	const settled = await until(async () => {
		status = await (await fetch(`${relay.admin}/api/status`)).json();
		const now = JSON.stringify([status.decisions, status.watch, status.server]);
		if (now !== last) {
			last = now;
			since = Date.now();
		}
		const sent = status.decisions.relayed + status.decisions.torn;
		return Date.now() - since >= STABLE && clients.every((client) => client.messages.length >= sent);
	});
	return { status, settled: settled === true };
}

// --- clients and writers -------------------------------------------------------------------------------------------

async function connect(url) {
	const socket = new WebSocket(url);
	const client = { messages: [], binaries: 0 };
	client.closed = new Promise((resolve) => socket.on('close', resolve));
	socket.on('message', (data, isBinary) => {
		client.messages.push(data.toString());
		client.binaries += isBinary ? 1 : 0;
	});
	await within(once(socket, 'open'), 'the WebSocket handshake');
	socket.on('error', () => {}); // The close code says it.
	return client;
}

async function startWriter(file, id, { count, gap }) {
	const args = [file, id, count, gap].map(String);
	const child = start('php', [join(import.meta.dirname, 'writer.php'), ...args]);
	const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
	const first = await within(lines.next(), 'the start of PHP');
	if (first.value !== 'ready') throw new Error(`PHP does not start: ${first.value ?? ''}\n${child.errors}`);
	return { child, lines };
}

/** Leaves the file as the plugin's activation does. Returns the document. */
function activate(file) {
	const event = { timestamp: Math.floor(Date.now() / 1000), type: 'initialized' };
	writeFileSync(file, JSON.stringify(event, null, 4));
	return JSON.stringify(event);
}

/** Has all writers write at once. Returns the documents of each, in its order. */
async function write(file, scenario) {
	const ids = Array.from({ length: scenario.writers }, (_, i) => i + 1);
	const writers = await Promise.all(ids.map((id) => startWriter(file, id, scenario)));
	for (const { child } of writers) child.stdin.end('go\n');
	const all = writers.map(async ({ child, lines }) => {
		const documents = [];
		for await (const line of lines) documents.push(line);
		const status = await child.ended;
		if (status !== 0) throw new Error(`PHP ended with ${status}:\n${child.errors}`);
		return documents;
	});
	return within(Promise.all(all), 'the writing', 30_000);
}

// --- what must hold ------------------------------------------------------------------------------------------------

/** Returns the first document in the plugin's file. Its closing brace is the only one that begins a line. */
function documentIn(file) {
	const text = readFileSync(file, 'utf8');
	return JSON.parse(text.slice(0, text.indexOf('\n}') + 2));
}

function hasPluginFields(message) {
	try {
		const event = JSON.parse(message);
		return isDeepStrictEqual(Object.keys(event), FIELDS[event.type]);
	} catch {
		return false;
	}
}

/** Returns the first of the numbers that is not greater than the one before, undefined if there is none. */
const stepBack = (numbers) => numbers.find((n, i) => i > 0 && n <= numbers[i - 1]);

function checkMessages(label, clients, written) {
	const { messages } = clients[0];
	const origin = new Map(written.flatMap((docs, writer) => docs.map((doc, number) => [doc, { writer, number }])));
	const strange = messages.filter((message) => !hasPluginFields(message));
	const unwritten = messages.filter((message) => !origin.has(message));
	const twice = messages.filter((message, i) => messages.indexOf(message) !== i);
	const backwards = written
		.map((_, writer) => messages.map((message) => origin.get(message)).filter((found) => found?.writer === writer))
		.map((found) => stepBack(found.map(({ number }) => number)))
		.filter((number) => number !== undefined);
	const others = clients.filter((client) => !isDeepStrictEqual(client.messages, messages));

	check(`${label}: every message is a text frame`, clients.every((client) => client.binaries === 0));
	check(`${label}: every message is an object with the plugin's fields`, strange.length === 0, strange[0]);
	check(`${label}: every message is a written document, byte for byte`, unwritten.length === 0, unwritten[0]);
	check(`${label}: no event comes twice`, twice.length === 0, twice[0]);
	check(`${label}: each writer's order is kept`, backwards.length === 0, `event ${backwards[0]} comes late`);
	check(`${label}: all ${clients.length} clients get the same`, others.length === 0,
		clients.map((client) => client.messages.length).join(', '));
}

function checkCounts(label, scenario, written, clients, { decisions, watch }) {
	const captured = decisions.relayed + decisions.torn;
	const error = (captured + decisions.overwritten - written) / written;
	const got = new Set(clients[0].messages).size;
	check(`${label}: as many events as the relay counts`, got === captured, `${got}, not ${captured}`);
	const exact = watch.overflows === 0; // a machine too busy to fetch notifications loses count, and says so
	check(`${label}: captured and overwritten are what was written, within ${100 * TOLERANCE} %`,
		exact ? Math.abs(error) <= TOLERANCE : error <= TOLERANCE, `${captured} + ${decisions.overwritten}, not ${written}`);
	if (scenario.leisurely) {
		const enough = LEISURELY * written;
		check(`${label}: the events are captured`, captured >= enough, `${captured} of ${written}`);
	}
	return {
		written,
		captured,
		'captured %': Number(((100 * captured) / written).toFixed(2)),
		torn: decisions.torn,
		overwritten: decisions.overwritten,
		invalid: decisions.invalid,
		duplicate: decisions.duplicate,
		overflows: watch.overflows,
		'error %': Number((100 * error).toFixed(2)),
	};
}

async function play(scenario) {
	const { name, writers, count, gap, fresh, signal, code } = scenario;
	const label = `${name} (${writers} × ${count}, gap ${gap / 1000} ms)`;
	const dir = join(workDir, name);
	const file = join(dir, 'site', 'wp-content', 'realtime-events', 'latest_event.json');
	mkdirSync(join(file, '..'), { recursive: true });
	const before = fresh ? [] : [activate(file)];
	const relay = await startRelay(dir);
	const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connect(relay.url)));
	const written = [before, ...(await write(file, scenario))];

	const last = documentIn(file);
	const isLast = (message) => message.includes(`"post_id":${last.post_id},`) && isDeepStrictEqual(JSON.parse(message), last);
	const arrived = await until(() => clients.every((client) => client.messages.some(isLast)));
	check(`${label}: the last document in the file arrives`, arrived === true, JSON.stringify(last));
	const { status, settled } = await finalStatus(relay, clients);
	check(`${label}: the counters come to rest, and clients have what they count`, settled, JSON.stringify(status));
	checkMessages(label, clients, written);
	const row = checkCounts(label, scenario, written.flat().length, clients, status);

	relay.child.kill(signal);
	const codes = await within(Promise.all(clients.map((client) => client.closed)), `the close after ${signal}`);
	const exit = await within(relay.child.ended, `the end after ${signal}`);
	check(`${label}: after ${signal} clients see close code ${code}`, codes.every((c) => c === code), codes.join(', '));
	check(`${label}: after ${signal} the relay ends with status 0`, exit === 0, `${exit}\n${relay.child.errors}`);
	return row;
}

const table = {};
for (const scenario of CASES) {
	try {
		table[scenario.name] = await play(scenario);
	} catch (err) {
		check(`${scenario.name}: runs to its end`, false, err.message);
	}
}
console.table(table);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
