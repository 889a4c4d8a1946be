// The site: what WordPress wrote, what of it is arranged from outside, and visitors who do things in it.
import { execFileSync } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, readdirSync, readSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';

const COMPANION = new URL('../../../relay/companion/wpre-relay-companion.php', import.meta.url).pathname;
const ARRANGE = new URL('site.php', import.meta.url).pathname;

export class Site {
	/** The key of the companion's outbox in something that the site has sent: where. */
	leaks = [];

	constructor(url, work) {
		this.url = url;
		this.root = `${work}/site`;
		this.content = `${this.root}/wp-content`;
		this.events = `${this.content}/realtime-events`;
		this.work = work;
	}

	/** Runs a command of site.php, and returns what it prints. */
	arrange(...command) {
		const user = ['--reuid=www-data', '--regid=www-data', '--clear-groups', '--reset-env'];
		return execFileSync('setpriv', [...user, 'php', ARRANGE, this.root, ...command.map(String)], { encoding: 'utf8' }).trim();
	}

	/** Makes posts that WordPress does not tell of, and returns their numbers. */
	posts(count, title) { return this.arrange('posts', count, title).split('\n').map(Number); }

	/** Sets constants of wp-config.php, and no others. */
	define(constants) {
		writeFileSync(`${this.work}/constants.new`, JSON.stringify(constants));
		renameSync(`${this.work}/constants.new`, `${this.work}/constants.json`);
	}

	/** Installs the companion as its header says, or removes it. */
	setCompanion(installed) {
		const copy = `${this.content}/mu-plugins/wpre-relay-companion.php`;
		if (installed) {
			copyFileSync(COMPANION, `${copy}.new`);
			renameSync(`${copy}.new`, copy); // Requests are under way.
		} else {
			rmSync(copy, { force: true });
		}
	}

	/** Returns the files of the companion's outbox, the older first. */
	outboxes() {
		const names = existsSync(this.events) ? readdirSync(this.events).filter((name) => name.endsWith('.ndjson')) : [];
		return names.sort((a, b) => a.length - b.length).reverse().map((name) => `${this.events}/${name}`);
	}

	/** Returns the lines of the outbox, as {id, event}. */
	outbox() {
		return this.outboxes().flatMap((file) => readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)));
	}

	/** Notes where the site has sent the key of the outbox. */
	inspect(where, text) {
		const [, key] = /events-([0-9a-f]+)/.exec(this.outboxes()[0] ?? '') ?? [];
		if (key && text.includes(key)) this.leaks.push(where);
	}

	async visitor() { return new Visitor(this); }

	/** Returns a visitor who has logged in; the password is the name. */
	async user(name) {
		const visitor = new Visitor(this);
		visitor.cookies.set('wordpress_test_cookie', 'WP%20Cookie%20check');
		await visitor.post('/wp-login.php', { log: name, pwd: name, testcookie: 1 });
		visitor.restNonce = (await visitor.get('/wp-admin/admin-ajax.php?action=rest-nonce')).text;
		const list = (await visitor.get('/wp-admin/edit.php')).text;
		visitor.inlineNonce = /name="_inline_edit" value="(\w+)"/.exec(list)[1];
		visitor.bulkNonce = /name="_wpnonce" value="(\w+)"/.exec(list)[1];
		return visitor;
	}
}

/** A file that grows, and what it has got since the last look. */
export class Growth {
	constructor(path) {
		this.path = path;
		this.offset = existsSync(path) ? statSync(path).size : 0;
	}

	/** Returns the whole lines that have come. */
	lines() {
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

/** Somebody's browser, without a browser. Each method returns {ok, status, text}. */
class Visitor {
	cookies = new Map();

	constructor(site) { this.site = site; }

	/** Returns the cookies as Chromium takes them. */
	browserCookies() { return [...this.cookies].map(([name, value]) => ({ name, value, url: this.site.url })); }

	get(path) { return this.#ask(path, {}); }

	/** Posts a form, or the text of another type. */
	post(path, form, headers = {}) {
		const body = typeof form === 'string' ? form : new URLSearchParams(form);
		return this.#ask(path, { method: 'POST', body, headers });
	}

	/** Activates the plugin in the list of plugins. */
	async activate() {
		const list = (await this.get('/wp-admin/plugins.php')).text;
		const [link] = /plugins\.php\?action=activate&amp;plugin=wp-realtime-events[^"]*/.exec(list);
		return this.get(`/wp-admin/${link.replaceAll('&amp;', '&')}`);
	}

	/** What quick edit sends. */
	quickEdit(post, title) {
		return this.post('/wp-admin/admin-ajax.php', {
			action: 'inline-save', post_view: 'list', screen: 'edit-post', post_type: 'post', post_ID: post, post_title: title, _status: 'publish',
			_inline_edit: this.inlineNonce,
		});
	}

	/** What the list of posts sends for a bulk edit that closes comments. */
	bulkEdit(posts) {
		const form = new URLSearchParams({
			post_type: 'post', post_status: 'all', action: 'edit', action2: 'edit', bulk_edit: 'Update', post_author: -1, comment_status: 'closed',
			ping_status: '', _status: -1, post_format: -1, sticky: -1, _wpnonce: this.bulkNonce,
		});
		for (const post of posts) form.append('post[]', post);
		return this.get(`/wp-admin/edit.php?${form}`);
	}

	/** Publishes through the REST API: a new post, or a new title. */
	publish(title, post = '') {
		const headers = { 'Content-Type': 'application/json', 'X-WP-Nonce': this.restNonce };
		return this.post(`/wp-json/wp/v2/posts/${post}`, JSON.stringify({ title, status: 'publish' }), headers);
	}

	/** Returns how many posts of a status have this word in their titles. */
	async count(word, status = 'publish') {
		const headers = { 'X-WP-Nonce': this.restNonce };
		const { text } = await this.#ask(`/wp-json/wp/v2/posts?search=${word}&status=${status}&per_page=100&_fields=id`, { headers });
		return JSON.parse(text).length;
	}

	async #ask(path, request) {
		const headers = { ...request.headers, Cookie: [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ') };
		const answer = await fetch(`${this.site.url}${path}`, { ...request, headers, redirect: 'manual' });
		for (const cookie of answer.headers.getSetCookie()) {
			const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
			if (value.trim()) this.cookies.set(name, value);
		}
		const text = await answer.text();
		this.site.inspect(path, text);
		return { ok: answer.status < 400, status: answer.status, text };
	}
}
