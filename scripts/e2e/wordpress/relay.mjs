// The relay as the user nobody, who can only read WordPress's files.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { freePort, until } from '../harness.mjs';

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export class Relay {
	starts = 0;

	/** dir is a directory of the user nobody, content the wp-content to watch. */
	constructor(binary, dir, content, ...flags) {
		this.command = [
			'--reuid=nobody', '--regid=nogroup', '--clear-groups', '--reset-env', binary, '--watch', content,
			'--state-dir', `${dir}/state`, '--drain', '50ms', '--log-level', 'debug', '--log-format', 'json', ...flags,
		];
		this.logFile = `${dir}/log`;
		this.log = openSync(this.logFile, 'a');
	}

	/** Starts the relay, always at the same addresses, and waits until it is ready. */
	async start() {
		this.port ??= await freePort();
		this.admin ??= await freePort();
		const addresses = ['--listen', `127.0.0.1:${this.port}`, '--admin-listen', `127.0.0.1:${this.admin}`];
		const child = spawn('setpriv', [...this.command, ...addresses], { stdio: ['ignore', this.log, this.log] });
		this.starts++;
		running.add(child);
		this.child = child;
		child.ended = once(child, 'close').finally(() => running.delete(child));
		const ready = await until(async () => child.exitCode !== null || (await this.#get('readyz')));
		if (!ready || child.exitCode !== null) throw new Error(`the relay does not start; see ${this.logFile}`);
	}

	/** Stops the relay with a signal. */
	async stop(signal) {
		this.child.kill(signal);
		await this.child.ended;
	}

	get url() { return `ws://127.0.0.1:${this.port}`; }
	get http() { return `http://127.0.0.1:${this.port}`; }

	/** Returns the number of decisions of each kind since the start. */
	async decisions() {
		const found = (await this.#get('metrics')).matchAll(/^wpre_relay_events_total\{decision="(\w+)"\} (\d+)$/gm);
		return Object.fromEntries([...found].map(([, decision, count]) => [decision, Number(count)]));
	}

	/** Waits until the relay has this number of WebSocket clients. */
	async waitForClients(count) {
		const metric = /^wpre_relay_clients\{transport="websocket"\} (\d+)$/m;
		const clients = async () => Number(metric.exec(await this.#get('metrics'))[1]);
		if (!(await until(async () => (await clients()) === count))) {
			throw new Error(`${await clients()} clients, not ${count}`);
		}
	}

	/** Returns all events in the relay's history after a position. */
	async history(since) {
		for (const events = []; ; ) {
			const page = await (await fetch(`${this.http}/history?limit=1000&since=${since}`)).json();
			events.push(...page.events.map(({ id, event }) => ({ id, event })));
			if (!page.more) return events;
			since = page.next;
		}
	}

	/** Returns the lines of the log with errors of the relay. */
	errors() {
		const lines = readFileSync(this.logFile, 'utf8').split('\n');
		return lines.filter((line) => /panic|DATA RACE|"level":"ERROR"/.test(line));
	}

	/** Returns the body of a successful response from the admin address, else false. */
	async #get(path) {
		try {
			const response = await fetch(`http://127.0.0.1:${this.admin}/${path}`);
			return response.ok && (await response.text());
		} catch {
			return false;
		}
	}
}
