// The WordPress site: its files, its setup from the command line, and visitors.
import { execFileSync } from 'node:child_process';
import {
	closeSync, copyFileSync, existsSync, openSync, readFileSync, readdirSync, readSync, realpathSync, renameSync, rmSync,
	statSync, writeFileSync,
} from 'node:fs';
import { Visitor } from './visitor.mjs';

const COMPANION = new URL('../../../relay/companion/wpre-relay-companion.php', import.meta.url).pathname;
const SETUP = new URL('setup.php', import.meta.url).pathname;

export class Site {
	/** The responses of the site that contain the key of the companion's outbox. */
	leaks = [];

	constructor(url, work) {
		this.url = url;
		this.root = `${work}/site`;
		this.content = `${this.root}/wp-content`;
		this.events = `${this.content}/realtime-events`;
		this.releases = `${work}/releases`;
		this.work = work;
	}

	/** Runs a command of setup.php and returns its output. */
	setup(...command) {
		const user = ['--reuid=www-data', '--regid=www-data', '--clear-groups', '--reset-env'];
		const args = [...user, 'php', SETUP, this.root, ...command.map(String)];
		return execFileSync('setpriv', args, { encoding: 'utf8' }).trim();
	}

	/** Creates posts without events and returns their ids. */
	posts(count, title) { return this.setup('posts', count, title).split('\n').map(Number); }

	/** Replaces the constants of wp-config.php. */
	setConstants(constants) {
		writeFileSync(`${this.work}/constants.new`, JSON.stringify(constants));
		renameSync(`${this.work}/constants.new`, `${this.work}/constants.json`);
	}

	/** Adds constants to wp-config.php for good. */
	addToConfig(constants) {
		const file = `${this.root}/wp-config.php`;
		const php = (value) => (typeof value === 'string' ? `'${value}'` : value);
		const lines = Object.entries(constants).map(([name, value]) => `define( '${name}', ${php(value)} );\n`);
		writeFileSync(file, readFileSync(file, 'utf8').replace('<?php\n', `<?php\n${lines.join('')}`));
	}

	/** Installs the companion as its header describes, or removes it. */
	setCompanion(installed) {
		const copy = `${this.content}/mu-plugins/wpre-relay-companion.php`;
		if (installed) {
			copyFileSync(COMPANION, `${copy}.new`);
			renameSync(`${copy}.new`, copy); // requests are in progress
		} else {
			rmSync(copy, { force: true });
		}
	}

	/** Returns the event folders of all releases, the current one last. Releases can share a folder. */
	folders() {
		const folders = readdirSync(this.releases).map((name) => `${this.releases}/${name}/wp-content/realtime-events`);
		const real = [...folders, this.events].filter((folder) => existsSync(folder)).map((folder) => realpathSync(folder));
		return real.filter((folder, i) => real.lastIndexOf(folder) === i);
	}

	/** Returns the files of the companion's outbox in an event folder, the older one first. */
	outboxes(folder = this.events) {
		const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.ndjson')) : [];
		return names.sort((a, b) => a.length - b.length).reverse().map((name) => `${folder}/${name}`);
	}

	/** Returns the lines of the outbox in an event folder, as {id, event}. */
	outbox(folder = this.events) {
		const lines = this.outboxes(folder).flatMap((file) => readFileSync(file, 'utf8').split('\n'));
		return lines.filter(Boolean).map((line) => JSON.parse(line));
	}

	/** Adds where to leaks if text, a response of the site, contains the key of the outbox. */
	inspect(where, text) {
		const [, key] = /events-([0-9a-f]+)/.exec(this.outboxes()[0] ?? '') ?? [];
		if (key && text.includes(key)) this.leaks.push(where);
	}

	visitor() { return new Visitor(this); }

	/** Returns a visitor who has logged in. The password is the name. */
	async user(name) {
		const visitor = new Visitor(this);
		await visitor.logIn(name);
		return visitor;
	}
}

/** A file that grows while the test runs. */
export class GrowingFile {
	constructor(path) {
		this.path = path;
		this.offset = existsSync(path) ? statSync(path).size : 0;
	}

	/** Returns the complete lines that were added since the last call. */
	newLines() {
		if (!existsSync(this.path)) return [];
		const bytes = Buffer.alloc(statSync(this.path).size - this.offset);
		const file = openSync(this.path);
		const length = readSync(file, bytes, 0, bytes.length, this.offset);
		closeSync(file);
		const text = bytes.subarray(0, bytes.lastIndexOf('\n', length - 1) + 1);
		this.offset += text.length;
		return text.toString().split('\n').filter(Boolean);
	}
}
