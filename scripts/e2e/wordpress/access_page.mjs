// A page of the site, in Chromium or Firefox, that receives events in three ways at once: by the plugin's script, and
// by the relay's client over WebSocket and over SSE.
import { until } from '../harness.mjs';

export const TRANSPORTS = ['page', 'websocket', 'sse'];

// Runs before the scripts of the page. Only the plugin's script connects without a subprotocol.
const RECORDER = `
	const perTransport = (create) => Object.fromEntries(${JSON.stringify(TRANSPORTS)}.map((name) => [name, create()]));
	window.titles = perTransport(() => []); // of the posts in the events
	window.opened = perTransport(() => 0); // connections
	window.WebSocket = class extends WebSocket {
		constructor(url, protocols) {
			super(url, protocols);
			if (protocols) return;
			this.addEventListener('open', () => opened.page++);
			this.addEventListener('message', ({ data }) => titles.page.push(JSON.parse(data).post_title));
		}
	};`;

/** Returns a function that opens a page in Chromium, in a new context with these cookies. */
export const inChromium = (browser) => async (url, cookies) => {
	const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 320, height: 240 } });
	await context.addCookies(cookies.map((cookie) => ({ ...cookie, url })));
	await context.addInitScript(RECORDER);
	const page = await context.newPage();
	await page.goto(url);
	return { context, page };
};

/** Does the same in Firefox. */
export const inFirefox = (browser) => async (url, cookies) => {
	const context = await browser.createBrowserContext();
	const { hostname: domain, protocol } = new URL(url);
	const more = { domain, path: '/', secure: protocol === 'https:' };
	for (const cookie of cookies) await context.setCookie({ ...cookie, ...more });
	const page = await context.newPage();
	await page.evaluateOnNewDocument(RECORDER);
	await page.goto(url);
	return { context, page };
};

export class AccessPage {
	/**
	 * Opens the front page of a site with the cookies, as {name, value}, and connects the clients. open is a function
	 * that inChromium or inFirefox returns, relay the URL of the relay for the page.
	 */
	static async open(open, site, cookies, relay) {
		const front = Object.assign(new AccessPage(), await open(`${site.url}/`, cookies));
		await front.page.addScriptTag({ url: `${relay.replace(/^ws/, 'http')}/client.js` });
		await front.page.evaluate(`
			for (const [name, sse] of [['websocket', 'never'], ['sse', 'always']]) {
				const target = new EventTarget();
				target.addEventListener('wpre:event', ({ detail }) => titles[name].push(detail.event.post_title));
				target.addEventListener('wpre:state', ({ detail }) => { if (detail.state === 'open') opened[name]++; });
				wpreRelay.connect('${relay}', { target, sse, getToken: () => window.wpreRelayToken?.() });
			}`);
		let opened;
		const connected = await until(async () => {
			opened = await front.opened();
			return TRANSPORTS.every((name) => opened[name] > 0);
		});
		if (!connected) throw new Error(`not connected to ${relay}: ${JSON.stringify(opened)}`);
		return front;
	}

	/** Returns the titles of the received posts by transport. */
	titles() { return this.page.evaluate('titles'); }

	/** Returns the number of opened connections by transport. */
	opened() { return this.page.evaluate('opened'); }

	/** Waits until a title has arrived by all transports. Returns the transports without it. */
	async missing(title) {
		let late = TRANSPORTS;
		await until(async () => {
			const titles = await this.titles();
			late = TRANSPORTS.filter((name) => !titles[name].includes(title));
			return late.length === 0;
		});
		return late;
	}

	/** Returns the token's cookies. Only for Chromium. */
	async tokens() { return (await this.context.cookies()).filter(({ name }) => name === 'wpre_relay_token'); }

	close() { return this.context.close(); }
}

/** Returns the claims of a token. */
export const claimsOf = (token) => JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
