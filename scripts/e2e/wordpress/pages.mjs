// Real pages in Chromium: the site's front page as visitors have it, and WordPress's editors.
import { until } from '../harness.mjs';
import { chromium } from 'playwright-core';

export const launch = () => chromium.launch({
	executablePath: '/usr/bin/chromium',
	args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

/** A front page, and all that its script got. */
export class FrontPage {
	events = []; // as {event}, in the order of their frames
	broken = []; // frames that are no JSON, or not as PHP spells it
	lines = []; // what the script said on the console
	errors = []; // the same, of errors
	sockets = []; // the URLs that it connected to
	opened = 0; // how many connections it greeted
	refused = 0; // how many came to nothing

	/** Opens it in a browser window of its own, with the cookies of a visitor if there is one. */
	static async open(browser, site, visitor) {
		const front = new FrontPage();
		const context = await browser.newContext({ viewport: { width: 320, height: 240 } }); // Painting takes its time.
		if (visitor) await context.addCookies(visitor.browserCookies());
		front.page = await context.newPage();
		front.#listen();
		await front.page.goto(`${site.url}/`);
		site.inspect(front.page.url(), await front.page.content());
		return front;
	}

	has(title) { return this.events.at(-1)?.event.post_title === title; }

	/** Returns the entries of the page's list, the newest first. */
	entries() { return this.page.locator('#realtime-event-log > li').allTextContents(); }

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
			socket.on('socketerror', () => this.refused++);
			socket.on('framereceived', ({ payload }) => this.#receive(payload));
		});
	}

	#receive(payload) {
		try {
			const message = JSON.parse(payload);
			if ('timestamp' in message) this.events.push({ event: message }); // what the plugin's script gets
			else if (message.event) this.events.push(message); // what the relay's client gets
			if ('timestamp' in message && payload !== spellAsPhp(message)) throw new Error('respelled');
		} catch {
			this.broken.push(String(payload).slice(0, 200));
		}
	}
}

/** Returns what json_encode() makes of an event. */
const spellAsPhp = (event) => JSON.stringify(event).replaceAll('/', '\\/').replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt().toString(16).padStart(4, '0')}`);

/** Opens a page of wp-admin. */
async function openAdmin(browser, site, visitor, path) {
	const context = await browser.newContext();
	await context.addCookies(visitor.browserCookies());
	const page = await context.newPage();
	await page.goto(`${site.url}/wp-admin/${path}`);
	return page;
}

/** Publishes a post in the classic editor, and then changes its title. */
export async function useClassicEditor(browser, site, visitor, title, newTitle) {
	const page = await openAdmin(browser, site, visitor, 'post-new.php');
	const save = async (text, answer) => {
		await page.fill('#title', text);
		await page.locator('#title').blur();
		// A new post is now saved by itself, during which the button does not work.
		if (text === title) await page.locator('.autosave-message', { hasText: /./ }).waitFor({ state: 'attached' });
		await page.click('#publish:not(.disabled)');
		await page.locator('#message', { hasText: answer }).waitFor();
	};
	await save(title, 'Post published.');
	await save(newTitle, 'Post updated.');
	await page.context().close();
}

/** Publishes a post in the block editor. Returns whether that says that it has succeeded. */
export async function useBlockEditor(browser, site, visitor, title) {
	const page = await openAdmin(browser, site, visitor, 'post-new.php');
	await page.waitForSelector('.editor-post-title__input');
	await page.evaluate(`wp.data.select('core/edit-post').isFeatureActive('welcomeGuide') && wp.data.dispatch('core/edit-post').toggleFeature('welcomeGuide')`);
	await page.fill('.editor-post-title__input', title);
	await page.click('.editor-post-publish-panel__toggle');
	await page.click('.editor-post-publish-button');
	const outcome = await page.waitForSelector('.post-publish-panel__postpublish, .components-notice.is-error');
	const published = await outcome.evaluate((element) => element.matches('.post-publish-panel__postpublish'));
	await page.context().close();
	return published;
}

/** Waits until all of them have got the event of that title, as the last. Returns those that have not. */
export async function missing(receivers, title) {
	await until(() => receivers.every((receiver) => receiver.has(title)));
	return receivers.filter((receiver) => !receiver.has(title));
}
