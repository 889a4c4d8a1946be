// A client that says where it was when it comes back, over the protocol wpre.v1.
import { until } from '../harness.mjs';
import { WebSocket } from 'ws';

const PAUSE = 20; // ms, between two tries

export class ResumingClient {
	events = []; // as {id, event}
	gaps = [];
	connections = 0;

	constructor(url) {
		this.url = url;
		this.position = 'now';
		this.#connect();
	}

	/** Waits until it knows where it is. */
	async ready() {
		if (!(await until(() => this.position !== 'now'))) throw new Error(`no position from ${this.url}`);
	}

	get open() { return this.socket.readyState === WebSocket.OPEN; }

	has(title) { return this.events.at(-1)?.event.post_title === title; }

	close() {
		this.closed = true;
		this.socket.close();
	}

	#connect() {
		this.socket = new WebSocket(`${this.url}/?since=${this.position}`, 'wpre.v1');
		this.socket.on('open', () => this.connections++);
		this.socket.on('message', (data) => {
			const { id, event, gap } = JSON.parse(data);
			this.position = gap?.until ?? id;
			if (gap) this.gaps.push(gap);
			if (event) this.events.push({ id, event });
		});
		this.socket.on('error', () => {}); // which is followed by 'close'
		this.socket.on('close', () => this.closed || setTimeout(() => this.#connect(), PAUSE));
	}
}
