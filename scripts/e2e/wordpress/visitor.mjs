// A visitor of the site without a browser.

/** Each method that sends a request returns {ok, status, headers, text}. */
export class Visitor {
	cookies = new Map();

	constructor(site) { this.site = site; }

	/** Logs in with the name as the password, and reads the nonces of wp-admin that the user gets. */
	async logIn(name) {
		this.cookies.set('wordpress_test_cookie', 'WP%20Cookie%20check');
		await this.post('/wp-login.php', { log: name, pwd: name, testcookie: 1 });
		this.restNonce = (await this.get('/wp-admin/admin-ajax.php?action=rest-nonce')).text;
		const list = (await this.get('/wp-admin/edit.php')).text;
		this.inlineNonce = /name="_inline_edit" value="(\w+)"/.exec(list)?.[1];
		this.bulkNonce = /name="_wpnonce" value="(\w+)"/.exec(list)?.[1];
	}

	/** Returns WordPress's own cookies, with which a browser is logged in, in Chromium's form. */
	browserCookies() {
		const own = [...this.cookies].filter(([name]) => name.startsWith('wordpress_'));
		return own.map(([name, value]) => ({ name, value, url: this.site.url }));
	}

	get(path, headers = {}) { return this.#request(path, { headers }); }

	/** Posts a form, or a text of another type. */
	post(path, form, headers = {}) {
		const body = typeof form === 'string' ? form : new URLSearchParams(form);
		return this.#request(path, { method: 'POST', body, headers });
	}

	/** Activates the plugin on the Plugins page. */
	async activatePlugin() {
		const list = (await this.get('/wp-admin/plugins.php')).text;
		const [link] = /plugins\.php\?action=activate&amp;plugin=wp-realtime-events[^"]*/.exec(list);
		return this.get(`/wp-admin/${link.replaceAll('&amp;', '&')}`);
	}

	/** Changes a title with quick edit. */
	quickEdit(post, title) {
		return this.post('/wp-admin/admin-ajax.php', {
			action: 'inline-save', post_view: 'list', screen: 'edit-post', post_type: 'post', post_ID: post,
			post_title: title, _status: 'publish', _inline_edit: this.inlineNonce,
		});
	}

	/** Closes the comments of posts with a bulk edit. */
	bulkEdit(posts) {
		const form = new URLSearchParams({
			post_type: 'post', post_status: 'all', action: 'edit', action2: 'edit', bulk_edit: 'Update', post_author: -1,
			comment_status: 'closed', ping_status: '', _status: -1, post_format: -1, sticky: -1, _wpnonce: this.bulkNonce,
		});
		for (const post of posts) form.append('post[]', post);
		return this.get(`/wp-admin/edit.php?${form}`);
	}

	/** Publishes a new post, or changes the title of a post, through the REST API. */
	publish(title, post = '') { return this.save(title, 'publish', post); }

	/** Saves a new post with a status, or changes one, through the REST API. */
	save(title, status, post = '') {
		const headers = { 'Content-Type': 'application/json', 'X-WP-Nonce': this.restNonce };
		return this.post(`/wp-json/wp/v2/posts/${post}`, JSON.stringify({ title, status }), headers);
	}

	/** Returns the number of posts with this status and this word in the title. */
	async count(word, status = 'publish') {
		const headers = { 'X-WP-Nonce': this.restNonce };
		const query = `search=${word}&status=${status}&per_page=100&_fields=id`;
		const { text } = await this.#request(`/wp-json/wp/v2/posts?${query}`, { headers });
		return JSON.parse(text).length;
	}

	async #request(path, request) {
		const cookies = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
		const headers = { ...request.headers, Cookie: cookies };
		const response = await fetch(`${this.site.url}${path}`, { ...request, headers, redirect: 'manual' });
		for (const cookie of response.headers.getSetCookie()) {
			const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
			if (value.trim()) this.cookies.set(name, value);
		}
		const text = await response.text();
		this.site.inspect(path, text);
		return { ok: response.status < 400, status: response.status, headers: response.headers, text };
	}
}
