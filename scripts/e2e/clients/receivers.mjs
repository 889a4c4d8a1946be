// Clients for the fault test. Each records the events in received, in the order of arrival, and the gaps in gaps.
import { createServer } from 'node:http';
import { EventSource } from 'eventsource';
import { WebSocket } from 'ws';
import { launch } from '../chromium.mjs';
import { pause } from '../harness.mjs';

/** A WebSocket client that resumes after its position. It reconnects after reconnectDelay() ms. */
export class ResumingClient {
	constructor(proxy, reconnectDelay) {
		Object.assign(this, { name: 'WebSocket', proxy, reconnectDelay, since: 'now' });
		Object.assign(this, { received: [], gaps: [], connections: 0 });
		this.connect();
	}

	connect() {
		this.socket = new WebSocket(`ws://${this.proxy.address}/?since=${this.since}`, 'wpre.v1');
		this.socket.on('error', () => {}); // 'close' follows
		this.socket.on('open', () => this.connections++);
		this.socket.on('message', (text) => {
			const { id, event, gap } = JSON.parse(text);
			this.begin ??= id;
			this.since = gap?.until ?? id;
			if (gap) this.gaps.push(gap);
			if (event) this.received.push({ id, event });
		});
		this.socket.on('close', () => (this.timer = setTimeout(() => this.connect(), this.reconnectDelay())));
	}

	/** Stops reading for this time. */
	async stall(ms) {
		if (this.socket.readyState !== WebSocket.OPEN) return;
		this.socket.pause();
		await pause(ms);
		this.socket.resume();
	}

	close() {
		clearTimeout(this.timer);
		this.socket.removeAllListeners('close').terminate();
	}
}

/** An EventSource client. The library reconnects and resumes by itself. */
export class EventSourceClient {
	constructor(proxy, begin) {
		Object.assign(this, { name: 'EventSource', received: [], gaps: [], begin, connections: 0 });
		this.source = new EventSource(`http://${proxy.address}/events?since=${begin}`);
		this.source.onopen = () => this.connections++;
		this.source.onmessage = ({ lastEventId, data }) => {
			this.received.push({ id: lastEventId, event: JSON.parse(data) });
		};
		this.source.addEventListener('gap', ({ data }) => this.gaps.push(JSON.parse(data)));
	}

	close() { this.source.close(); }
}

/**
 * A WebSocket client without positions, like the plugin's page. It has its browser's cookie if jar is given. It waits
 * until a busy relay had time to see the end of its connection, and reconnects after wait ms.
 */
export class PlainClient {
	constructor(proxy, wait, jar) {
		const name = jar ? 'page with a cookie' : 'plain WebSocket';
		Object.assign(this, { name, proxy, wait, jar, received: [], connections: 0 });
		this.connect();
	}

	connect() {
		const headers = this.jar?.cookie ? { Cookie: this.jar.cookie } : {};
		this.socket = new WebSocket(`ws://${this.proxy.address}/`, { headers });
		this.socket.on('error', () => {}); // 'close' follows
		this.socket.on('upgrade', ({ headers: { 'set-cookie': set } }) => {
			this.connections++;
			this.receivedSinceConnect = false;
			if (set && this.jar) this.jar.cookie = set[0].split(';')[0];
		});
		this.socket.on('message', (text) => {
			this.receivedSinceConnect = true;
			this.received.push({ event: JSON.parse(text) });
		});
		this.socket.on('close', async () => {
			await this.proxy.relay.answers();
			if (!this.closed) this.timer = setTimeout(() => this.connect(), this.wait);
		});
	}

	close() {
		this.closed = true;
		clearTimeout(this.timer);
		this.socket.removeAllListeners('close').terminate();
	}
}

/** Two pages in Chromium: one with the relay's client, one with the browser's EventSource. */
export class ChromiumPages {
	async start(proxy, begin) {
		const page = (script) => '<!doctype html><title>faults</title><body>' +
			`<script>window.received = []; window.gaps = [];</script>${script}`;
		const pages = {
			'/client': page(`<script src="http://${proxy.address}/client.js"></script><script>
				addEventListener('wpre:event', ({ detail }) => received.push(detail), true);
				addEventListener('wpre:gap', ({ detail }) => gaps.push(detail), true);
				wpreRelay.connect(undefined, { since: '${begin}', target: window });</script>`),
			'/event-source': page(`<script>
				const source = new EventSource('http://${proxy.address}/events?since=${begin}');
				source.onmessage = ({ lastEventId, data }) => {
					received.push({ id: lastEventId, event: JSON.parse(data) });
				};
				source.addEventListener('gap', ({ data }) => gaps.push(JSON.parse(data)));</script>`),
		};
		this.server = createServer((request, response) => {
			response.setHeader('Content-Type', 'text/html').end(pages[request.url] ?? '');
		});
		await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
		this.browser = await launch();
		this.clients = [
			await this.#open('/client', 'Chromium, client.js', begin),
			await this.#open('/event-source', 'Chromium, EventSource', begin),
		];
	}

	/** Opens a page in its own browser context, so that no page is in the background. */
	async #open(path, name, begin) {
		const context = await this.browser.newContext();
		const tab = await context.newPage();
		await tab.goto(`http://127.0.0.1:${this.server.address().port}${path}`);
		return { name, tab, begin };
	}

	/** Returns the clients with the events and gaps that their pages have received so far. */
	async read() {
		for (const client of this.clients) Object.assign(client, await client.tab.evaluate('({ received, gaps })'));
		return this.clients;
	}

	async close() {
		await this.browser.close();
		this.server.close();
	}
}
