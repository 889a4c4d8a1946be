// A client of wpre-relay for theme authors. It reconnects, goes on where it was, and falls back to Server-Sent Events
// where WebSocket is blocked. As a classic script it sets globalThis.wpreRelay; /client.mjs exports the same.
//
//	<script src="https://relay.example.com/client.js" data-connect data-log></script>
//	document.addEventListener('wpre:event', ({ detail }) => console.log(detail.id, detail.event));

/**
 * @typedef {object} Options
 * @property {number} [last] begin with the newest events, so many; default: with what happens from now on
 * @property {string} [since] begin after this position
 * @property {EventTarget} [target] gets the events 'wpre:event' {id, event}, 'wpre:gap' {since, until, missing?} and
 *   'wpre:state' {state, transport, code?}; default: document
 * @property {Element | string | boolean} [log] element, or selector, that shows saved posts as the plugin's page does;
 *   true for '#realtime-event-log'
 * @property {'auto' | 'always' | 'never'} [sse] whether to use Server-Sent Events; default: 'auto', where WebSocket fails
 */

/** @typedef {'connecting' | 'open' | 'waiting' | 'closed'} State */

(() => {
	'use strict';

	const OPEN_TIMEOUT = 8000; // ms, for a connection to open
	const BACKOFF = { first: 1000, most: 30_000, hidden: 60_000 }; // ms
	const STEADY = 5000; // ms, after which a connection that opened counts as good
	const MOST_ENTRIES = 50;
	const RESTART = 1012; // close codes: RFC 6455 §7.4
	const POLICY = 1008;
	const LOG = '#realtime-event-log';

	const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript : null;

	/** A connection that lasts: over all the connections that it takes. */
	class Relay {
		/** @type {State} */ state = 'connecting';
		/** @type {'websocket' | 'sse'} */ transport = 'websocket';
		/** @type {string | undefined} the position of the last event, as the relay names it */ position;

		/** @type {URL} */ #url;
		/** @type {Options} */ #options;
		/** @type {(() => void) | undefined} ends the connection there is, without a word */ #drop;
		/** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
		#failures = 0;
		#proven = false; // a WebSocket has opened on this page
		#listening = new AbortController();

		/** @param {URL} url @param {Options} options */
		constructor(url, options) {
			this.#url = url;
			this.#options = options;
			this.position = options.since;
			if (options.sse === 'always') this.transport = 'sse';
			const { signal } = this.#listening;
			const now = () => this.#retryNow();
			addEventListener('online', now, { signal });
			document.addEventListener('visibilitychange', () => document.hidden || now(), { signal });
			addEventListener('pagehide', () => this.#pause(), { signal }); // else the page is not kept for 'back'
			addEventListener('pageshow', (shown) => shown.persisted && now(), { signal });
			this.#connect();
		}

		/** Ends the connection for good. */
		close() {
			this.#pause();
			this.#listening.abort();
			this.#become('closed');
		}

		#pause() {
			clearTimeout(this.#timer);
			this.#drop?.();
			this.#drop = undefined;
			if (this.state !== 'closed') this.#become('waiting');
		}

		#retryNow() {
			if (this.state !== 'waiting') return;
			clearTimeout(this.#timer);
			this.#connect();
		}

		/** @param {State} state @param {number} [code] */
		#become(state, code) {
			this.state = state;
			this.#tell('state', { state, transport: this.transport, ...(code && { code }) });
		}

		/** @param {string} name @param {object} detail */
		#tell(name, detail) {
			(this.#options.target ?? document).dispatchEvent(new CustomEvent(`wpre:${name}`, { detail }));
		}

		/** @param {string} scheme @param {string} [path] to be added @returns {URL} where to connect, and begin */
		#address(scheme, path = '') {
			const url = new URL(this.#url);
			url.protocol = /^(https|wss):$/.test(url.protocol) ? `${scheme}s:` : `${scheme}:`;
			if (path) url.pathname = url.pathname.replace(/\/?$/, `/${path}`);
			if (this.position) url.searchParams.set('since', this.position);
			else if (this.#options.last) url.searchParams.set('last', String(this.#options.last));
			else url.searchParams.set('since', 'now');
			return url;
		}

		#connect() {
			this.#become('connecting');
			if (this.transport === 'sse') this.#connectEventSource();
			else this.#connectWebSocket();
		}

		#connectWebSocket() {
			let opened = 0;
			const socket = new WebSocket(this.#address('ws'), 'wpre.v1');
			const timer = setTimeout(() => socket.close(), OPEN_TIMEOUT);
			socket.onopen = () => {
				clearTimeout(timer);
				opened = Date.now();
				this.#proven = true;
				this.#become('open');
			};
			socket.onmessage = (message) => this.#receive(message.data);
			socket.onclose = ({ code }) => {
				clearTimeout(timer);
				this.#lost(opened, code);
			};
			this.#drop = () => {
				clearTimeout(timer);
				socket.onclose = socket.onmessage = socket.onopen = null;
				socket.close();
			};
		}

		#connectEventSource() {
			let opened = 0;
			const source = new EventSource(this.#address('http', 'events'));
			const end = () => {
				clearTimeout(timer);
				source.close();
			};
			const lost = () => {
				end();
				this.#lost(opened);
			};
			const timer = setTimeout(lost, OPEN_TIMEOUT);
			source.onopen = () => {
				clearTimeout(timer);
				opened = Date.now();
				this.#become('open');
			};
			source.onmessage = ({ lastEventId, data }) => this.#receive(`{"id":${JSON.stringify(lastEventId)},"event":${data}}`);
			source.addEventListener('position', ({ data }) => this.#receive(data));
			source.addEventListener('gap', ({ data }) => this.#receive(`{"gap":${data}}`));
			source.onerror = lost; // this client reconnects itself: later each time
			this.#drop = end;
		}

		/** @param {unknown} text */
		#receive(text) {
			let message;
			try {
				message = JSON.parse(String(text));
			} catch {
				console.warn('wpre-relay: a message that is not JSON is ignored');
				return;
			}
			const { id, event, gap } = message ?? {};
			this.position = gap?.until ?? id ?? this.position;
			if (gap) this.#tell('gap', gap);
			if (event) {
				this.#tell('event', { id, event });
				this.#log(event);
			}
		}

		/** @param {number} opened when, 0 for never @param {number} [code] */
		#lost(opened, code) {
			this.#drop = undefined;
			if (code === POLICY) {
				this.close();
				return;
			}
			const steady = opened > 0 && Date.now() - opened >= STEADY;
			this.#failures = steady ? 0 : this.#failures + 1;
			if (!opened && !this.#proven && (this.#options.sse ?? 'auto') === 'auto') {
				this.transport = this.transport === 'sse' ? 'websocket' : 'sse';
			}
			this.#become('waiting', code);
			this.#timer = setTimeout(() => this.#retryNow(), this.#delay(code));
		}

		/** @param {number} [code] @returns {number} ms until the next try: random, so that not all pages come at once */
		#delay(code) {
			if (document.hidden) return BACKOFF.hidden;
			if (code === RESTART) return 500 + Math.random() * 2500;
			return Math.random() * Math.min(BACKOFF.most, BACKOFF.first * 2 ** Math.min(this.#failures, 5));
		}

		/** @param {{type?: string, post_title?: string, post_id?: number}} event */
		#log(event) {
			const { log } = this.#options;
			if (!log) return;
			const list = log instanceof Element ? log : document.querySelector(log === true ? LOG : log);
			const text = event.type === 'post_saved' ? `Post saved: ${event.post_title} (ID: ${event.post_id})`
				: event.type === 'initialized' ? 'Realtime events initialized' : '';
			if (!list || !text) return;
			const entry = document.createElement(/^[OU]L$/.test(list.tagName) ? 'li' : 'div');
			entry.textContent = `[${new Date().toLocaleTimeString()}] ${text}`; // titles may hold HTML
			list.prepend(entry);
			while (list.children.length > MOST_ENTRIES) list.lastElementChild?.remove();
		}
	}

	/**
	 * Connects to a relay and stays connected.
	 * @param {string | URL} [url] of the relay, ws(s) or http(s); default, for a classic script: where that came from
	 * @param {Options} [options]
	 * @returns {Relay}
	 */
	function connect(url, options = {}) {
		return new Relay(new URL(url || new URL('./', script?.src ?? location.href), location.href), options);
	}

	Object.assign(globalThis, { wpreRelay: { connect } });

	if (script?.dataset.connect !== undefined) {
		const { connect: url, last, log } = script.dataset;
		const start = () => connect(url, { last: Number(last) || undefined, log: log === undefined ? false : log || true });
		if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start, { once: true });
		else start();
	}
})();
