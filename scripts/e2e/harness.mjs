// Shared parts of the tests: a relay that can be stopped and restarted, a proxy that cuts connections, a writer of
// events, and counted checks.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

export { pause };

const TIMEOUT = 120_000; // ms, for something that must happen

let passed = 0;
let failed = 0;

/** Prints one PASS or FAIL line. */
export function check(what, ok, detail = '') {
	console.log(`${ok ? 'PASS' : 'FAIL'} ${what}${ok || detail === '' ? '' : `: ${detail}`}`);
	ok ? passed++ : failed++;
}

/** Ends the process, with status 1 if a check has failed. */
export function finish() {
	console.log(`${passed} passed, ${failed} failed`);
	process.exit(failed === 0 ? 0 : 1);
}

/**
 * Waits until probe returns a truthy value and returns it, or undefined after the timeout. The pauses between two
 * probes grow with the wait, to 50 ms: many ask a browser, which shares the processors with the tests.
 */
export async function until(probe, ms = TIMEOUT) {
	for (const start = Date.now(); Date.now() < start + ms;) {
		const value = await probe();
		if (value) return value;
		await pause(Math.min(Math.max((Date.now() - start) / 16, 5), 50));
	}
	return undefined;
}

/** Returns a generator of random numbers from 0 to 1 that depends only on the seed (mulberry32). */
export function random(seed) {
	return () => {
		seed = (seed + 0x6d2b79f5) | 0;
		let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
		return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
	};
}

/**
 * Returns a TCP port that is free on the loopback interface. The system gives ports from 32768 on to outgoing
 * connections (Linux). The returned port is lower, so that it stays free while a relay restarts.
 */
export async function freePort() {
	for (;;) {
		const server = createServer();
		const port = 20_000 + Math.floor(Math.random() * 12_000);
		const free = await new Promise((resolve) => {
			server.once('error', () => resolve(false));
			server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
		});
		if (free) return port;
	}
}

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));

/** A relay with its own site in dir. */
export class Relay {
	constructor(binary, dir, ...flags) {
		this.binary = binary;
		this.site = join(dir, 'site');
		this.file = join(this.site, 'wp-content', 'realtime-events', 'latest_event.json');
		mkdirSync(join(this.file, '..'), { recursive: true });
		this.flags = [
			'--watch', this.site, '--state-dir', join(dir, 'state'), '--drain', '50ms', '--admin-listen', 'off',
			'--log-format', 'json', ...flags,
		];
	}

	/** Starts the relay, always at the same address, and waits until it listens. */
	async start() {
		this.port ??= await freePort();
		const flags = [...this.flags, '--listen', `127.0.0.1:${this.port}`];
		const child = spawn(this.binary, flags, { stdio: ['ignore', 'ignore', 'pipe'] });
		running.add(child);
		this.child = child;
		child.errors = '';
		child.stderr.on('data', (text) => (child.errors += text));
		child.ended = once(child, 'close').finally(() => running.delete(child));
		const listens = await until(() => child.exitCode !== null || child.errors.includes('"msg":"listening"'));
		if (!listens || child.exitCode !== null) throw new Error(`the relay does not start:\n${child.errors}`);
	}

	/** Stops the relay with a signal. It throws if the log has a panic or a data race. */
	async stop(signal) {
		this.child.kill(signal);
		await this.child.ended;
		if (/panic|DATA RACE/.test(this.child.errors)) throw new Error(`the relay's log:\n${this.child.errors}`);
	}

	get http() { return `http://127.0.0.1:${this.port}`; }

	/** Waits until the relay answers a request, or is down. */
	async answers() { await fetch(`${this.http}/livez`).catch(() => {}); }

	/** Returns all events in the relay's history that a request with these headers may see. */
	async allEvents(headers) {
		const events = [];
		let since = `${(await this.history('limit=1', headers)).next.split('-')[0]}-0`;
		for (let more = true; more; ) {
			const page = await this.history(`limit=1000&since=${since}`, headers);
			if (page.gap) throw new Error(`the history has a gap: ${JSON.stringify(page.gap)}`);
			events.push(...page.events);
			({ next: since, more } = page);
		}
		return events;
	}

	async history(query, headers) {
		const response = await fetch(`${this.http}/history?${query}`, { headers });
		if (!response.ok) throw new Error(`/history?${query}: ${response.status} ${await response.text()}`);
		return response.json();
	}
}

/** Writes events as the plugin does. */
export class Writer {
	status = 'publish';

	constructor(file) {
		this.file = file;
		this.count = 0;
	}

	write(title = 'A post') {
		const event = {
			timestamp: 1_700_000_000 + this.count,
			type: 'post_saved',
			post_id: ++this.count,
			post_title: title,
			status: this.status,
			is_update: true,
		};
		writeFileSync(this.file, JSON.stringify(event, null, 4));
		chmodSync(this.file, 0o644);
	}

	/** Writes events at random intervals of min to max ms, until stop is called. */
	start(rng, min = 3, max = 25) {
		const next = () => {
			this.write();
			this.timer = setTimeout(next, min + rng() * (max - min));
		};
		next();
	}

	stop() { clearTimeout(this.timer); }
}

/** A proxy in front of a relay that can cut connections, even in the middle of a frame. */
export class Proxy {
	constructor(relay) {
		this.relay = relay;
		this.pairs = new Set();
		this.blocked = false; // reject WebSocket handshakes with 403
		this.down = false; // reset new connections
	}

	async start() {
		this.server = createServer((client) => this.#join(client)).listen(0, '127.0.0.1');
		await once(this.server, 'listening');
		this.port = this.server.address().port;
	}

	#join(client) {
		if (this.down) {
			client.resetAndDestroy();
			return;
		}
		const relay = createConnection(this.relay.port, '127.0.0.1');
		const pair = { client, relay, budget: Infinity };
		const cut = () => {
			this.pairs.delete(pair);
			client.destroy();
			relay.destroy();
		};
		pair.cut = cut;
		this.pairs.add(pair);
		for (const socket of [client, relay]) {
			socket.setNoDelay(true);
			socket.on('error', cut);
			socket.on('close', cut);
			socket.on('end', () => (socket === client ? relay : client).end());
		}
		client.on('data', (data) => {
			if (this.blocked && /^GET [^]*\r\nUpgrade: websocket/i.test(data.toString('latin1'))) {
				client.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
				relay.destroy();
				return;
			}
			relay.write(data);
		});
		relay.on('data', (data) => {
			pair.responded = true;
			const part = data.subarray(0, pair.budget);
			pair.budget -= part.length;
			client.write(part, () => pair.budget <= 0 && cut());
		});
	}

	/**
	 * Cuts a random share of the connections after this number of bytes to the client. It cuts at once if bytes is 0
	 * or the relay has not responded: Chromium takes an incomplete response header for a complete one, and its
	 * EventSource then never reconnects.
	 */
	cut(share, bytes, rng) {
		for (const pair of this.pairs) {
			if (rng() >= share) continue;
			if (bytes === 0 || !pair.responded) pair.cut();
			else pair.budget = bytes;
		}
	}

	get address() { return `127.0.0.1:${this.port}`; }
}
