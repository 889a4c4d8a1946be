// Relays under faults: faults.mjs BINARY DIR [RESTARTS] [SEED]. The relay is killed and restarted at random moments, its
// connections are cut, clients stop reading; events are written all the while. Then what each client has got is
// compared with the relay's history.
import { createServer } from 'node:http';
import { EventSource } from 'eventsource';
import { chromium } from 'playwright-core';
import { WebSocket } from 'ws';
import { Proxy, Relay, Writer, check, finish, pause, random, until } from '../harness.mjs';

const [, , binary, dir, restarts = '200', seed = String(Date.now() % 1e6)] = process.argv;
const rng = random(Number(seed));
const between = (least, most) => least + rng() * (most - least);
console.log(`seed ${seed}, ${restarts} restarts`);

// --- clients: each has got, the events in the order in which they came, and gaps ------------------------------------

/** A WebSocket client that says where it was. */
class Resuming {
	constructor(proxy) {
		Object.assign(this, { name: 'WebSocket', proxy, got: [], gaps: [], since: 'now', connections: 0 });
		this.connect();
	}

	connect() {
		this.socket = new WebSocket(`ws://${this.proxy.address}/?since=${this.since}`, 'wpre.v1');
		this.socket.on('error', () => {}); // the close follows
		this.socket.on('open', () => this.connections++);
		this.socket.on('message', (text) => {
			const { id, event, gap } = JSON.parse(text);
			this.begin ??= id;
			this.since = gap?.until ?? id;
			if (gap) this.gaps.push(gap);
			if (event) this.got.push({ id, event });
		});
		this.socket.on('close', () => (this.timer = setTimeout(() => this.connect(), between(0, 60))));
	}

	/** Reads nothing for a while. */
	async stall(ms) {
		if (this.socket.readyState !== WebSocket.OPEN) return;
		this.socket.pause();
		await pause(ms);
		this.socket.resume();
	}

	end() {
		clearTimeout(this.timer);
		this.socket.removeAllListeners('close').terminate();
	}
}

/** An event stream, of which the library alone knows where it was. */
class Stream {
	constructor(proxy, begin) {
		Object.assign(this, { name: 'EventSource', got: [], gaps: [], begin, connections: 0 });
		this.source = new EventSource(`http://${proxy.address}/events?since=${begin}`);
		this.source.onopen = () => this.connections++;
		this.source.onmessage = ({ lastEventId, data }) => this.got.push({ id: lastEventId, event: JSON.parse(data) });
		this.source.addEventListener('gap', ({ data }) => this.gaps.push(JSON.parse(data)));
	}

	end() { this.source.close(); }
}

/** A client that knows nothing, as the plugin's page, but for its browser's cookie. */
class Plain {
	constructor(proxy, wait, jar) {
		Object.assign(this, { name: jar ? 'page with a cookie' : 'plain WebSocket', proxy, wait, jar, got: [], connections: 0 });
		this.connect();
	}

	connect() {
		const headers = this.jar?.cookie ? { Cookie: this.jar.cookie } : {};
		this.socket = new WebSocket(`ws://${this.proxy.address}/`, { headers });
		this.socket.on('error', () => {});
		this.socket.on('upgrade', ({ headers: { 'set-cookie': set } }) => {
			this.connections++;
			if (set && this.jar) this.jar.cookie = set[0].split(';')[0];
		});
		this.socket.on('message', (text) => this.got.push({ event: JSON.parse(text) }));
		this.socket.on('close', () => (this.timer = setTimeout(() => this.connect(), this.wait)));
	}

	end() {
		clearTimeout(this.timer);
		this.socket.removeAllListeners('close').terminate();
	}
}

/** Pages in Chromium: one with the relay's own client, one with the browser's EventSource. */
class Pages {
	async start(proxy, begin) {
		const page = (script) => `<!doctype html><title>faults</title><body><script>window.got = []; window.gaps = [];</script>${script}`;
		const pages = {
			'/client': page(`<script src="http://${proxy.address}/client.js"></script><script>
				addEventListener('wpre:event', ({ detail }) => got.push(detail), true);
				addEventListener('wpre:gap', ({ detail }) => gaps.push(detail), true);
				wpreRelay.connect(undefined, { since: '${begin}', target: window });</script>`),
			'/stream': page(`<script>
				const source = new EventSource('http://${proxy.address}/events?since=${begin}');
				source.onmessage = ({ lastEventId, data }) => got.push({ id: lastEventId, event: JSON.parse(data) });
				source.addEventListener('gap', ({ data }) => gaps.push(JSON.parse(data)));</script>`),
		};
		this.server = createServer((request, response) => response.setHeader('Content-Type', 'text/html').end(pages[request.url] ?? ''));
		await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
		this.browser = await chromium.launch({
			executablePath: '/usr/bin/chromium',
			args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
		});
		const open = async (path, name) => {
			const context = await this.browser.newContext(); // of its own, so that none is in the background
			const tab = await context.newPage();
			await tab.goto(`http://127.0.0.1:${this.server.address().port}${path}`);
			return { name, tab, begin };
		};
		this.clients = [await open('/client', 'Chromium, client.js'), await open('/stream', 'Chromium, EventSource')];
	}

	/** Has the clients show what the pages got. */
	async look() {
		for (const client of this.clients) Object.assign(client, await client.tab.evaluate('({ got, gaps })'));
		return this.clients;
	}

	async end() {
		await this.browser.close();
		this.server.close();
	}
}

// --- what must hold ------------------------------------------------------------------------------------------------

const number = (id) => Number(id.split('-')[1]);

/** Tells the first place where a client's events are not those of the history from where it began. */
function firstDifference({ got, begin }, truth) {
	const want = truth.filter(({ id }) => number(id) > number(begin));
	for (let i = 0; i < Math.max(got.length, want.length); i++) {
		if (got[i]?.id !== want[i]?.id || JSON.stringify(got[i]?.event) !== JSON.stringify(want[i]?.event)) {
			return `event ${i} since ${begin} is ${got[i]?.id}, not ${want[i]?.id}; ${got.length} of ${want.length}`;
		}
	}
	return '';
}

const posts = ({ got }) => got.map(({ event }) => event.post_id);

/** Tells the first event that came twice, or late. */
function firstStepBack(client) {
	const ids = posts(client);
	const i = ids.findIndex((id, i) => i > 0 && id <= ids[i - 1]);
	return i < 0 ? '' : `event ${i} is post ${ids[i]}, after ${ids[i - 1]}`;
}

// --- the runs ------------------------------------------------------------------------------------------------------

/** Cuts connections at times, stalls a client at times, and restarts the relay. Returns the signal that ended it. */
async function fault(relay, proxy, stallable, signals) {
	for (let cuts = Math.floor(rng() * 3); cuts > 0; cuts--) {
		await pause(between(10, 80));
		proxy.cut(rng(), rng() < 0.5 ? 0 : Math.ceil(between(1, 400)), rng);
	}
	if (rng() < 0.1) stallable[Math.floor(rng() * stallable.length)].stall(between(100, 1500));
	await pause(between(10, 150));
	const signal = signals[Math.floor(rng() * signals.length)];
	await relay.end(signal);
	if (rng() < 0.3) await pause(between(0, 100)); // else it is back before anyone notices
	await relay.start();
	return signal;
}

async function resumingClients() {
	const relay = new Relay(binary, `${dir}/resuming`, '--history', '1000000');
	await relay.start();
	const proxy = new Proxy(relay);
	await proxy.start();
	const begin = (await relay.history('limit=1')).next;
	const resuming = [1, 2, 3].map(() => new Resuming(proxy));
	const streams = [1, 2].map(() => new Stream(proxy, begin));
	const plain = [new Plain(proxy, 10), new Plain(proxy, 300), new Plain(proxy, 5000)];
	const pages = new Pages();
	await pages.start(proxy, begin);
	await until(() => resuming.every((client) => client.begin));
	const writer = new Writer(relay.file);
	writer.go(rng);
	const counts = { SIGKILL: 0, SIGTERM: 0, SIGINT: 0 };
	const signals = ['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGINT'];
	for (let i = 0; i < Number(restarts); i++) counts[await fault(relay, proxy, resuming, signals)]++;
	writer.stop();
	await pause(100); // the last is read within that, as a rule; what is relayed later is in the history all the same
	const truth = await relay.truth();
	const last = truth.at(-1).id;
	const all = async () => [...resuming, ...streams, ...(await pages.look())];
	await until(async () => (await all()).every(({ got }) => got.at(-1)?.id === last), 60_000);
	for (const client of await all()) {
		check(`${client.name}: each event exactly once, in order`, firstDifference(client, truth) === '', firstDifference(client, truth));
		check(`${client.name}: no gap`, client.gaps.length === 0, JSON.stringify(client.gaps[0]));
	}
	for (const client of plain) {
		check(`${client.name}, back after ${client.wait} ms: no event twice, none late`, firstStepBack(client) === '', firstStepBack(client));
	}
	check('plain clients got events', plain.every(({ got }) => got.length > 0));
	console.table({ ...counts, written: writer.count, relayed: truth.length,
		connections: [...resuming, ...streams, ...plain].map(({ connections }) => connections).join(' ') });
	for (const client of [...resuming, ...streams, ...plain]) client.end();
	await pages.end();
	await relay.end('SIGTERM');
}

/** Pages with nothing but their cookie, over graceful restarts and cuts. */
async function cookies() {
	const relay = new Relay(binary, `${dir}/cookies`, '--history', '1000000', '--resume-cookie');
	await relay.start();
	const proxy = new Proxy(relay);
	await proxy.start();
	const tabs = [];
	for (const browser of [{}, {}]) { // two tabs each
		for (let tab = 0; tab < 2; tab++) {
			const page = new Plain(proxy, 400, browser);
			tabs.push(page);
			await until(() => page.connections > 0);
		}
	}
	const writer = new Writer(relay.file);
	writer.go(rng, 20, 60);
	const times = Math.ceil(Number(restarts) / 10);
	for (let i = 0; i < times; i++) {
		await pause(between(450, 900)); // the pages are back, and some events further
		if (i % 2 === 0) {
			// Not in the middle of an event: which of a browser's tabs has got that, a cookie cannot tell.
			writer.stop();
			await until(async () => {
				const { events: [newest] } = await relay.history('last=1');
				return tabs.every((tab) => tab.got.at(-1)?.event.post_id === newest.event.post_id);
			});
			proxy.cut(1, 0, rng);
			writer.go(rng, 20, 60);
		} else {
			await relay.end('SIGTERM');
			await relay.start();
		}
	}
	writer.stop();
	await pause(100);
	const truth = posts({ got: await relay.truth() });
	await until(() => tabs.every((tab) => posts(tab).at(-1) === truth.at(-1)));
	for (const tab of tabs) {
		check(`${tab.name}: no event twice, none late`, firstStepBack(tab) === '', firstStepBack(tab));
		const missing = truth.find((id) => !posts(tab).includes(id));
		check(`${tab.name}: none missing of ${truth.length}, over ${tab.connections} connections`, missing === undefined, `post ${missing}`);
	}
	for (const tab of tabs) tab.end();
	await relay.end('SIGTERM');
}

await resumingClients();
await cookies();
finish();
