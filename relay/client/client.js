// Browser client of wpre-relay, for theme authors. It reconnects, resumes after the last event, and falls back to
// Server-Sent Events where WebSocket is blocked. The classic script sets globalThis.wpreRelay; /client.mjs is the
// same client as a module.
//
//	<script src="https://relay.example.com/client.js" data-connect data-log></script>
//	document.addEventListener('wpre:event', ({ detail }) => console.log(detail.id, detail.event));

/**
 * @typedef {object} Options
 * @property {number} [last] number of past events to receive first; default: only new events
 * @property {string} [since] receive the events after this position
 * @property {EventTarget} [target] receives the events 'wpre:event' {id, event}, 'wpre:gap' {since, until, missing?}
 *   and 'wpre:state' {state, transport, code?}; default: document
 * @property {Element | string | boolean} [log] element or selector that lists saved posts like the plugin's page;
 *   true means '#realtime-event-log'
 * @property {() => Promise<string | undefined>} [getToken] returns the token for the next connection, which then stays
 *   out of the URL; undefined: none, or the browser sends it in a cookie
 * @property {'auto' | 'always' | 'never'} [sse] when to use Server-Sent Events; default: 'auto', if WebSocket fails
 */

/** @typedef {'connecting' | 'open' | 'waiting' | 'closed'} State */

(() => {
	'use strict';

	const OPEN_TIMEOUT = 8000; // ms until there must be a token, and then until a connection must be open
	const BACKOFF = { first: 1000, max: 30_000, hidden: 60_000 }; // ms between two attempts
	const STABLE_AFTER = 5000; // ms; a shorter connection counts as a failure
	const MAX_LOG_ENTRIES = 50;
	const CLOSE_RESTART = 1012; // close codes, RFC 6455 §7.4
	const CLOSE_POLICY = 1008;
	const EXPIRED = 'token expired'; // the reason of CLOSE_POLICY after which the client may connect again
	const LOG_SELECTOR = '#realtime-event-log';

	const script = document.currentScript instanceof HTMLScriptElement ? document.currentScript : null;

	/** A subscription to a relay. It outlives the single connections and reconnects until close() is called. */
	class Relay {
		/** @type {State} */ state = 'connecting';
		/** @type {'websocket' | 'sse'} */ transport = 'websocket';
		/** @type {string | undefined} position of the last event; opaque */ position;

		/** @type {URL} */ #url;
		/** @type {Options} */ #options;
		/** @type {(() => void) | undefined} closes the current connection without a state change */ #abort;
		/** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
		#failures = 0; // consecutive connections that failed or were unstable
		#webSocketWorks = false; // a WebSocket has opened on this page
		#listeners = new AbortController();

		/** @param {URL} url @param {Options} options */
		constructor(url, options) {
			this.#url = url;
			this.#options = options;
			this.position = options.since;
			if (options.sse === 'always') this.transport = 'sse';
			const { signal } = this.#listeners;
			const retry = () => this.#retryNow();
			addEventListener('online', retry, { signal });
			document.addEventListener('visibilitychange', () => document.hidden || retry(), { signal });
			// An open connection would exclude the page from the back/forward cache.
			addEventListener('pagehide', () => this.#pause(), { signal });
			addEventListener('pageshow', (shown) => shown.persisted && retry(), { signal });
			this.#connect();
		}

		/** Closes the connection and does not reconnect. */
		close() {
			this.#pause();
			this.#listeners.abort();
			this.#setState('closed');
		}

		#pause() {
			clearTimeout(this.#timer);
			this.#abort?.();
			this.#abort = undefined;
			if (this.state !== 'closed') this.#setState('waiting');
		}

		#retryNow() {
			if (this.state !== 'waiting') return;
			clearTimeout(this.#timer);
			this.#connect();
		}

		/** @param {State} state @param {number} [code] */
		#setState(state, code) {
			this.state = state;
			this.#dispatch('state', { state, transport: this.transport, ...(code && { code }) });
		}

		/** @param {string} name @param {object} detail */
		#dispatch(name, detail) {
			(this.#options.target ?? document).dispatchEvent(new CustomEvent(`wpre:${name}`, { detail }));
		}

		/** @param {string} scheme @param {string} [path] to append @returns {URL} address of the next connection */
		#address(scheme, path = '') {
			const url = new URL(this.#url);
			url.protocol = /^(https|wss):$/.test(url.protocol) ? `${scheme}s:` : `${scheme}:`;
			if (path) url.pathname = url.pathname.replace(/\/?$/, `/${path}`);
			if (this.position) url.searchParams.set('since', this.position);
			else if (this.#options.last) url.searchParams.set('last', String(this.#options.last));
			else url.searchParams.set('since', 'now');
			return url;
		}

		async #connect() {
			this.#setState('connecting');
			let aborted = false;
			this.#abort = () => { aborted = true; };
			let token;
			try {
				token = await withTimeout(this.#options.getToken?.());
			} catch {
				if (!aborted) this.#retryLater();
				return;
			}
			if (aborted) return;
			if (this.transport === 'sse') this.#connectEventStream(token);
			else this.#connectWebSocket(token);
		}

		/** @param {string} [token] */
		#connectWebSocket(token) {
			let opened = 0;
			const socket = new WebSocket(this.#address('ws'), token ? ['wpre.v1', 'bearer', token] : 'wpre.v1');
			const timer = setTimeout(() => socket.close(), OPEN_TIMEOUT);
			socket.onopen = () => {
				clearTimeout(timer);
				opened = Date.now();
				this.#webSocketWorks = true;
				this.#setState('open');
			};
			socket.onmessage = (message) => this.#receive(message.data);
			socket.onclose = ({ code, reason }) => {
				clearTimeout(timer);
				this.#handleLoss(opened, { code, reason });
			};
			this.#abort = () => {
				clearTimeout(timer);
				socket.onclose = socket.onmessage = socket.onopen = null;
				socket.close();
			};
		}

		/** @param {string} [token] */
		async #connectEventStream(token) {
			let opened = 0, aborted = false;
			/** @type {object | undefined} */ let end;
			const request = new AbortController();
			const timer = setTimeout(() => request.abort(), OPEN_TIMEOUT);
			this.#abort = () => {
				aborted = true;
				request.abort();
			};
			const headers = { Accept: 'text/event-stream', ...(token && { Authorization: `Bearer ${token}` }) };
			try {
				const options = { headers, signal: request.signal, credentials: /** @type {const} */ ('include') };
				const response = await fetch(this.#address('http', 'events'), options);
				clearTimeout(timer);
				if (response.ok && response.body && !aborted) {
					opened = Date.now();
					this.#setState('open');
					for await (const { id, event, data } of readEventStream(response.body)) {
						if (aborted) return;
						if (event === 'closed' || event === 'rejected') end = JSON.parse(data);
						else if (event === 'gap') this.#receive(`{"gap":${data}}`);
						else this.#receive(event ? data : `{"id":${JSON.stringify(id)},"event":${data}}`);
					}
				}
			} catch {
				clearTimeout(timer); // the request failed, or the connection was lost
			}
			if (!aborted) this.#handleLoss(opened, end);
		}

		/** @param {unknown} text */
		#receive(text) {
			let message;
			try {
				message = JSON.parse(String(text));
			} catch {
				console.warn('wpre-relay: message ignored, it is not valid JSON');
				return;
			}
			const { id, event, gap } = message ?? {};
			this.position = gap?.until ?? id ?? this.position;
			if (gap) this.#dispatch('gap', gap);
			if (event) {
				this.#dispatch('event', { id, event });
				this.#appendToLog(event);
			}
		}

		/**
		 * @param {number} opened time when the connection opened, 0 if it did not
		 * @param {{code?: number, reason?: string, retry?: number}} [end] what the relay said: close code, reason, and least
		 *   time until the next attempt in ms
		 */
		#handleLoss(opened, { code, reason, retry = 0 } = {}) {
			if (code === CLOSE_POLICY && reason !== EXPIRED) {
				this.close();
				return;
			}
			const stable = opened > 0 && Date.now() - opened >= STABLE_AFTER;
			if (!opened && !this.#webSocketWorks && (this.#options.sse ?? 'auto') === 'auto') {
				this.transport = this.transport === 'sse' ? 'websocket' : 'sse';
			}
			this.#retryLater(stable, code, retry);
		}

		/**
		 * @param {boolean} [stable] whether the last connection was
		 * @param {number} [code] close code @param {number} [retry] least time until the next attempt in ms
		 */
		#retryLater(stable = false, code = undefined, retry = 0) {
			this.#abort = undefined;
			this.#failures = stable ? 0 : this.#failures + 1;
			this.#setState('waiting', code);
			this.#timer = setTimeout(() => this.#retryNow(), Math.max(retry, this.#delay(code)));
		}

		/** @param {number} [code] @returns {number} ms until the next attempt, random to spread the load on the relay */
		#delay(code) {
			if (document.hidden) return BACKOFF.hidden;
			if (code === CLOSE_RESTART) return 500 + Math.random() * 2500;
			return Math.random() * Math.min(BACKOFF.max, BACKOFF.first * 2 ** Math.min(this.#failures, 5));
		}

		/** @param {{type?: string, post_title?: string, post_id?: number}} event */
		#appendToLog(event) {
			const { log } = this.#options;
			if (!log) return;
			const list = log instanceof Element ? log : document.querySelector(log === true ? LOG_SELECTOR : log);
			const text = event.type === 'post_saved' ? `Post saved: ${event.post_title} (ID: ${event.post_id})`
				: event.type === 'initialized' ? 'Realtime events initialized' : '';
			if (!list || !text) return;
			const entry = document.createElement(/^[OU]L$/.test(list.tagName) ? 'li' : 'div');
			entry.textContent = `[${new Date().toLocaleTimeString()}] ${text}`; // not innerHTML: a title may contain HTML
			list.prepend(entry);
			while (list.children.length > MAX_LOG_ENTRIES) list.lastElementChild?.remove();
		}
	}

	/**
	 * @template T @param {T | Promise<T>} result
	 * @returns {Promise<T>} the result; it fails after OPEN_TIMEOUT
	 */
	function withTimeout(result) {
		return Promise.race([result, new Promise((_, reject) => setTimeout(reject, OPEN_TIMEOUT))]);
	}

	/** Yields the fields of each event in a stream whose lines end in \n. @param {ReadableStream<Uint8Array>} body */
	async function* readEventStream(body) {
		const reader = body.pipeThrough(new TextDecoderStream()).getReader();
		let rest = '';
		for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
			const events = (rest + value).split('\n\n');
			rest = events.pop() ?? '';
			for (const text of events) {
				const lines = [...text.matchAll(/^(id|event|data): ?(.*)$/gm)];
				const fields = Object.fromEntries(lines.map(([, name, value]) => [name, value]));
				if (fields.data) yield fields;
			}
		}
	}

	/**
	 * Subscribes to a relay. It reconnects until the subscription is closed.
	 * @param {string | URL} [url] URL of the relay, ws(s) or http(s); default: where the classic script was loaded from
	 * @param {Options} [options]
	 * @returns {Relay}
	 */
	function connect(url, options = {}) {
		return new Relay(new URL(url || new URL('./', script?.src ?? location.href), location.href), options);
	}

	Object.assign(globalThis, { wpreRelay: { connect } });

	if (script?.dataset.connect !== undefined) {
		const { connect: url, last, log, token } = script.dataset;
		const getToken = token && (() => globalThis[token]?.());
		const options = { getToken, last: Number(last) || undefined, log: log === undefined ? false : log || true };
		const start = () => connect(url, options);
		if (document.readyState === 'loading') document.addEventListener('DOMContentLoaded', start, { once: true });
		else start();
	}
})();
