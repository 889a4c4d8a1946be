// The relay, run by a user who may read WordPress's files and no more.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { freePort, until } from '../harness.mjs';

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

export class Relay {
	starts = 0;

	/** One that is to live in dir, a directory of nobody's, and to watch a wp-content. */
	constructor(binary, dir, content, ...flags) {
		this.command = [
			'--reuid=nobody', '--regid=nogroup', '--clear-groups', '--reset-env', binary, '--watch', content, '--state-dir', `${dir}/state`,
			'--drain', '50ms', '--log-level', 'debug', '--log-format', 'json', ...flags,
		];
		this.logFile = `${dir}/log`;
		this.log = openSync(this.logFile, 'a');
	}

	/** Starts it, at the same addresses as before, and waits until it serves. */
	async start() {
		this.port ??= await freePort();
		this.admin ??= await freePort();
		const child = spawn('setpriv', [...this.command, '--listen', `127.0.0.1:${this.port}`, '--admin-listen', `127.0.0.1:${this.admin}`],
			{ stdio: ['ignore', this.log, this.log] });
		this.starts++;
		running.add(child);
		this.child = child;
		child.ended = once(child, 'close').finally(() => running.delete(child));
		const serves = await until(async () => child.exitCode !== null || (await this.#ask('readyz')));
		if (!serves || child.exitCode !== null) throw new Error(`the relay does not start; see ${this.logFile}`);
	}

	/** Ends it with a signal. */
	async end(signal) {
		this.child.kill(signal);
		await this.child.ended;
	}

	get url() { return `ws://127.0.0.1:${this.port}`; }
	get http() { return `http://127.0.0.1:${this.port}`; }

	/** Returns how often it has decided what since its start: of relayed, torn, duplicate, filtered, invalid and overwritten. */
	async decisions() {
		const found = (await this.#ask('metrics')).matchAll(/^wpre_relay_events_total\{decision="(\w+)"\} (\d+)$/gm);
		return Object.fromEntries([...found].map(([, decision, count]) => [decision, Number(count)]));
	}

	/** Waits until it has so many WebSocket clients. */
	async serves(count) {
		const clients = async () => Number(/^wpre_relay_clients\{transport="websocket"\} (\d+)$/m.exec(await this.#ask('metrics'))[1]);
		if (!(await until(async () => (await clients()) === count))) throw new Error(`${await clients()} clients, not ${count}`);
	}

	/** Returns all events after a position, by its own account. */
	async history(since) {
		for (const events = []; ; ) {
			const page = await (await fetch(`${this.http}/history?limit=1000&since=${since}`)).json();
			events.push(...page.events.map(({ id, event }) => ({ id, event })));
			if (!page.more) return events;
			since = page.next;
		}
	}

	/** Returns what its log says of faults in itself. */
	faults() {
		return readFileSync(this.logFile, 'utf8').split('\n').filter((line) => /panic|DATA RACE|"level":"ERROR"/.test(line));
	}

	async #ask(path) {
		try {
			const answer = await fetch(`http://127.0.0.1:${this.admin}/${path}`);
			return answer.ok && (await answer.text());
		} catch {
			return false;
		}
	}
}
