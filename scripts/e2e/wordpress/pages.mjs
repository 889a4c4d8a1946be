// Real pages in Chromium: the site's front page as visitors see it, and WordPress's editors.
import { until } from '../harness.mjs';
import { claimsOf } from './access_page.mjs';

/** A front page and everything that its script has received. */
export class FrontPage {
	events = []; // as {event}, in the order of their frames
	broken = []; // frames that are not JSON, or not spelled as PHP spells them
	lines = []; // lines of the script on the console
	errors = []; // errors of the script on the console
	sockets = []; // URLs that the script connected to
	opened = 0; // connections on which the script has sent its greeting
	rejected = 0; // connections that failed

	/** Opens the page in its own browser context, with the cookies of visitor if it is given. */
	static async open(browser, site, visitor) {
		const front = new FrontPage();
		const viewport = { width: 320, height: 240 }; // small: painting takes time
		const context = await browser.newContext({ viewport, ignoreHTTPSErrors: true });
		if (visitor) await context.addCookies(visitor.browserCookies());
		front.page = await context.newPage();
		front.#listen();
		await front.page.goto(`${site.url}/`);
		site.inspect(front.page.url(), await front.page.content());
		return front;
	}

	/** Returns whether the last event has this title. */
	has(title) { return this.events.at(-1)?.event.post_title === title; }

	/** Returns the entries of the page's list, the newest first. */
	entries() { return this.page.locator('#realtime-event-log > li').allTextContents(); }

	/** Returns the claims in the token's cookie; undefined if there is none. */
	async claims() {
		const cookies = await this.page.context().cookies();
		const cookie = cookies.find(({ name }) => name === 'wpre_relay_token');
		return cookie && claimsOf(cookie.value);
	}

	close() { return this.page.context().close(); }

	#listen() {
		this.page.on('pageerror', (error) => this.errors.push(error.message));
		this.page.on('console', (message) => {
			const script = /\/(websocket-client|client)\.js/.test(message.location().url);
			if (script) (message.type() === 'error' ? this.errors : this.lines).push(message.text());
		});
		this.page.on('websocket', (socket) => {
			this.sockets.push(socket.url());
			socket.on('framesent', () => this.opened++);
			socket.on('socketerror', () => this.rejected++);
			socket.on('framereceived', ({ payload }) => this.#receive(payload));
		});
	}

	#receive(payload) {
		try {
			const message = JSON.parse(payload);
			if ('timestamp' in message) this.events.push({ event: message }); // for the plugin's script
			else if (message.event) this.events.push(message); // for the relay's client
			if ('timestamp' in message && payload !== jsonEncode(message)) throw new Error('spelled differently');
		} catch {
			this.broken.push(String(payload).slice(0, 200));
		}
	}
}

/** Returns the JSON that PHP's json_encode() writes. */
function jsonEncode(event) {
	const escape = (unit) => `\\u${unit.charCodeAt().toString(16).padStart(4, '0')}`;
	return JSON.stringify(event).replaceAll('/', '\\/').replace(/[\u0080-\uffff]/g, escape);
}

/** Opens a page of wp-admin. */
async function openAdmin(browser, site, visitor, path) {
	const context = await browser.newContext();
	await context.addCookies(visitor.browserCookies());
	const page = await context.newPage();
	await page.goto(`${site.url}/wp-admin/${path}`);
	return page;
}

/** Waits until the classic editor has saved a new post by itself. It does so when the title loses the focus. */
async function waitForAutosave(page) {
	const saved = page.locator('.autosave-message', { hasText: /saved/i });
	for (let attempts = 1; ; attempts++) {
		await page.locator('#title').focus();
		await page.locator('#title').blur();
		try {
			return await saved.waitFor({ state: 'attached', timeout: 10_000 });
		} catch (error) {
			if (attempts === 12) throw error; // a busy server may refuse some
		}
	}
}

/** Publishes a post in the classic editor, and then changes its title. */
export async function useClassicEditor(browser, site, visitor, title, newTitle) {
	const page = await openAdmin(browser, site, visitor, 'post-new.php');
	const save = async (text, response) => {
		await page.fill('#title', text);
		if (text === title) await waitForAutosave(page); // until then, the button does not work
		await page.click('#publish:not(.disabled)');
		await page.locator('#message', { hasText: response }).waitFor();
	};
	await save(title, 'Post published.');
	await save(newTitle, 'Post updated.');
	await page.context().close();
}

/** Publishes a post in the block editor. Returns whether the editor reports success. */
export async function useBlockEditor(browser, site, visitor, title) {
	const page = await openAdmin(browser, site, visitor, 'post-new.php');
	await page.waitForSelector('.editor-post-title__input');
	await page.evaluate(`wp.data.select('core/edit-post').isFeatureActive('welcomeGuide')
		&& wp.data.dispatch('core/edit-post').toggleFeature('welcomeGuide')`);
	await page.fill('.editor-post-title__input', title);
	await page.click('.editor-post-publish-panel__toggle');
	await page.click('.editor-post-publish-button');
	const outcome = await page.waitForSelector('.post-publish-panel__postpublish, .components-notice.is-error');
	const published = await outcome.evaluate((element) => element.matches('.post-publish-panel__postpublish'));
	await page.context().close();
	return published;
}

/** Waits until the last event of each receiver has this title. Returns the receivers without it. */
export async function missing(receivers, title) {
	await until(() => receivers.every((receiver) => receiver.has(title)));
	return receivers.filter((receiver) => !receiver.has(title));
}
