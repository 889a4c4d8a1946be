// A client of the protocol wpre.v1 that resumes after its position when it reconnects.
import { WebSocket } from 'ws';
import { until } from '../harness.mjs';

const RECONNECT_DELAY = 20; // ms

export class ResumingClient {
	events = []; // as {id, event}
	gaps = [];
	connections = 0;

	constructor(url, headers = {}) {
		this.url = url;
		this.headers = headers;
		this.position = 'now';
		this.#connect();
	}

	/** Waits until the client has a position. */
	async ready() {
		if (!(await until(() => this.position !== 'now'))) throw new Error(`no position from ${this.url}`);
	}

	get open() { return this.socket.readyState === WebSocket.OPEN; }

	/** Returns whether the last event has this title. */
	has(title) { return this.events.at(-1)?.event.post_title === title; }

	close() {
		this.closed = true;
		this.socket.close();
	}

	#connect() {
		this.socket = new WebSocket(`${this.url}/?since=${this.position}`, 'wpre.v1', { headers: this.headers });
		this.socket.on('open', () => this.connections++);
		this.socket.on('message', (data) => {
			const { id, event, gap } = JSON.parse(data);
			this.position = gap?.until ?? id;
			if (gap) this.gaps.push(gap);
			if (event) this.events.push({ id, event });
		});
		this.socket.on('error', () => {}); // 'close' follows
		this.socket.on('close', () => this.closed || setTimeout(() => this.#connect(), RECONNECT_DELAY));
	}
}
