// Tests the relay between PHP processes and WebSocket clients: check.mjs BINARY DIR. In each case a relay watches its
// own directory in DIR, clients connect, and PHP processes write. The test compares the received events with the
// written ones.
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual } from 'node:util';
import { WebSocket } from 'ws';
import { check, finish, freePort, until } from '../harness.mjs';
import { start } from './process.mjs';

const CASES = [
	{ name: 'a', writers: 1, count: 500, gap: 5000, slow: true, emptySite: true, signal: 'SIGTERM', code: 1012 },
	{ name: 'b', writers: 1, count: 2000, gap: 0, signal: 'SIGINT', code: 1001 },
	{ name: 'c', writers: 4, count: 1000, gap: 2000, signal: 'SIGTERM', code: 1012 },
	{ name: 'd', writers: 4, count: 1000, gap: 0, signal: 'SIGINT', code: 1001 },
];
const CLIENTS = 3;
const TOLERANCE = 0.01; // allowed difference of captured plus overwritten from written, as a share of written
const MIN_CAPTURED = 0.9; // share of a slow writer's events that the relay captures, even if the machine pauses briefly
const TIMEOUT = 120_000; // ms, for something that must happen
const SETTLED_AFTER = 150; // ms without a change of the counters
const FIELDS = {
	post_saved: ['timestamp', 'type', 'post_id', 'post_title', 'status', 'is_update'],
	initialized: ['timestamp', 'type'],
};

const [, , binary, workDir] = process.argv;

/** Waits for a promise. It throws after the timeout. */
async function within(promise, what) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`${what}: not within ${TIMEOUT} ms`)), TIMEOUT);
	});
	return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function startRelay(dir) {
	const [port, adminPort] = [await freePort(), await freePort()];
	const child = start(binary, [
		'--watch', join(dir, 'site'),
		'--state-dir', join(dir, 'state'),
		'--listen', `127.0.0.1:${port}`,
		'--admin-listen', `127.0.0.1:${adminPort}`,
	]);
	const relay = { child, url: `ws://127.0.0.1:${port}/`, admin: `http://127.0.0.1:${adminPort}` };
	const ready = () => fetch(`${relay.admin}/readyz`).then((response) => response.ok, () => false);
	const started = await until(async () => child.exitCode !== null || (await ready()), TIMEOUT);
	if (!started || child.exitCode !== null) throw new Error(`the relay does not start:\n${child.errors}`);
	return relay;
}

/** Returns the relay's status when its counters have settled and all clients have received as many events. */
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
		return Date.now() - since >= SETTLED_AFTER && clients.every((client) => client.messages.length >= sent);
	}, TIMEOUT);
	return { status, settled: settled === true };
}

async function connect(url) {
	const socket = new WebSocket(url);
	const client = { messages: [], binaries: 0 };
	client.closed = new Promise((resolve) => socket.on('close', resolve));
	socket.on('message', (data, isBinary) => {
		client.messages.push(data.toString());
		client.binaries += isBinary ? 1 : 0;
	});
	await within(once(socket, 'open'), 'the WebSocket handshake');
	socket.on('error', () => {}); // 'close' follows
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

/** Writes the event of the plugin's activation and returns the document. */
function activate(file) {
	const event = { timestamp: Math.floor(Date.now() / 1000), type: 'initialized' };
	writeFileSync(file, JSON.stringify(event, null, 4));
	return JSON.stringify(event);
}

/** Runs all writers concurrently. Returns the documents of each in the order of writing. */
async function write(file, testCase) {
	const ids = Array.from({ length: testCase.writers }, (_, i) => i + 1);
	const writers = await Promise.all(ids.map((id) => startWriter(file, id, testCase)));
	for (const { child } of writers) child.stdin.end('go\n');
	const all = writers.map(async ({ child, lines }) => {
		const documents = [];
		for await (const line of lines) documents.push(line);
		const status = await child.ended;
		if (status !== 0) throw new Error(`PHP exited with ${status}:\n${child.errors}`);
		return documents;
	});
	return within(Promise.all(all), 'the writers');
}

/** Returns the first document in the file. Its closing brace is the only one at the start of a line. */
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

/** Returns the first number that is not greater than the one before it, or undefined. */
const firstDescent = (numbers) => numbers.find((n, i) => i > 0 && n <= numbers[i - 1]);

/** Checks the messages of all clients against the written documents, which are grouped by writer. */
function checkMessages(label, clients, written) {
	const { messages } = clients[0];
	const source = new Map(written.flatMap((docs, writer) => docs.map((doc, number) => [doc, { writer, number }])));
	const malformed = messages.filter((message) => !hasPluginFields(message));
	const unwritten = messages.filter((message) => !source.has(message));
	const twice = messages.filter((message, i) => messages.indexOf(message) !== i);
	const disordered = written
		.map((_, writer) => messages.map((message) => source.get(message)).filter((found) => found?.writer === writer))
		.map((found) => firstDescent(found.map(({ number }) => number)))
		.filter((number) => number !== undefined);
	const different = clients.filter((client) => !isDeepStrictEqual(client.messages, messages));
	const counts = clients.map((client) => client.messages.length).join(', ');

	check(`${label}: every message is a text frame`, clients.every((client) => client.binaries === 0));
	check(`${label}: every message is an object with the plugin's fields`, malformed.length === 0, malformed[0]);
	check(`${label}: every message is a written document, byte for byte`, unwritten.length === 0, unwritten[0]);
	check(`${label}: no event arrives twice`, twice.length === 0, twice[0]);
	check(`${label}: each writer's order is kept`, disordered.length === 0, `event ${disordered[0]} is late`);
	check(`${label}: all ${clients.length} clients receive the same`, different.length === 0, counts);
}

/** Checks the relay's counters against the number of written events. Returns the row of the table. */
function checkCounts(label, testCase, written, clients, { decisions, watch }) {
	const captured = decisions.relayed + decisions.torn;
	const error = (captured + decisions.overwritten - written) / written;
	const got = new Set(clients[0].messages).size;
	check(`${label}: clients receive as many events as the relay counts`, got === captured, `${got}, not ${captured}`);
	// When notifications overflow, the relay misses some changes and counts too few; it reports the overflow.
	const accurate = watch.overflows === 0 ? Math.abs(error) <= TOLERANCE : error <= TOLERANCE;
	check(`${label}: captured plus overwritten is written, within ${100 * TOLERANCE} %`, accurate,
		`${captured} + ${decisions.overwritten}, not ${written}`);
	if (testCase.slow) {
		const enough = captured >= MIN_CAPTURED * written;
		check(`${label}: the events are captured`, enough, `${captured} of ${written}`);
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

async function checkStop(label, relay, clients, { signal, code }) {
	relay.child.kill(signal);
	const codes = await within(Promise.all(clients.map((client) => client.closed)), `the close after ${signal}`);
	const exit = await within(relay.child.ended, `the exit after ${signal}`);
	check(`${label}: after ${signal} clients get close code ${code}`, codes.every((c) => c === code), codes.join(', '));
	check(`${label}: after ${signal} the relay exits with status 0`, exit === 0, `${exit}\n${relay.child.errors}`);
}

async function run(testCase) {
	const { name, writers, count, gap, emptySite } = testCase;
	const label = `${name} (${writers} × ${count}, gap ${gap / 1000} ms)`;
	const dir = join(workDir, name);
	const file = join(dir, 'site', 'wp-content', 'realtime-events', 'latest_event.json');
	mkdirSync(join(file, '..'), { recursive: true });
	const before = emptySite ? [] : [activate(file)];
	const relay = await startRelay(dir);
	const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connect(relay.url)));
	const written = [before, ...(await write(file, testCase))];

	const last = documentIn(file);
	const isLast = (message) => message.includes(`"post_id":${last.post_id},`) &&
		isDeepStrictEqual(JSON.parse(message), last);
	const arrived = await until(() => clients.every((client) => client.messages.some(isLast)), TIMEOUT);
	check(`${label}: the last document in the file arrives`, arrived === true, JSON.stringify(last));
	const { status, settled } = await finalStatus(relay, clients);
	check(`${label}: the counters settle, and clients receive as many events`, settled, JSON.stringify(status));
	checkMessages(label, clients, written);
	const row = checkCounts(label, testCase, written.flat().length, clients, status);
	await checkStop(label, relay, clients, testCase);
	return row;
}

const table = {};
for (const testCase of CASES) {
	try {
		table[testCase.name] = await run(testCase);
	} catch (err) {
		check(`${testCase.name}: runs to its end`, false, err.message);
	}
}
console.table(table);
finish();
