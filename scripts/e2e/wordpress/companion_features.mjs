// Tests of the companion's other features. Each takes the scope of e2e.mjs and makes its own checks.
import { chmodSync, chownSync, rmSync, statSync } from 'node:fs';
import { check, until } from '../harness.mjs';
import { title, work } from './contexts.mjs';
import { identity, judge } from './observer.mjs';
import { FrontPage, missing } from './pages.mjs';
import { ResumingClient } from './resuming_client.mjs';

/** The web server does not reveal the name of the outbox. */
export async function testSecretOutbox({ site }) {
	const visitor = site.visitor();
	const folder = '/wp-content/realtime-events/';
	const names = site.outboxes().map((file) => file.split('/').at(-1));
	const secret = names.length > 0 && names.every((name) => /^events-[0-9a-f]{32}(\.1)?\.ndjson$/.test(name));
	check('the name of the outbox cannot be guessed', secret, names.join());
	check("the plugin's file is still served", (await visitor.get(`${folder}latest_event.json`)).ok);
	const listing = await visitor.get(folder);
	const hidden = listing.status === 403 || listing.text === '';
	check('the directory is not listed', hidden, `${listing.status} ${listing.text}`);
	for (const guess of ['events.ndjson', 'events-.ndjson', 'events.1.ndjson', `events-${'0'.repeat(32)}.ndjson`]) {
		check(`${guess} does not exist`, (await visitor.get(folder + guess)).status === 404);
	}
}

// Maximum share of the written events that may be lost while some requests have the companion and others do not. The
// relay does not count these losses; up to 17 of 205 events were lost. The bound limits the loss.
const MIXED_TOLERANCE = 0.2;

/** The companion is toggled while posts are saved: all events of the outbox arrive, and few others are lost. */
export async function testInstallWhileSaving({ site, observer, admin, table }) {
	const word = 'mixed';
	const [post] = site.posts(1, `${word} 0`);
	const alone = await observer.observe(async () => {
		for (let n = 1; n <= 10; n++) {
			site.setCompanion(n % 2 === 0);
			await admin.quickEdit(post, `${word} ${n}`);
		}
		return { saves: 10 };
	});
	const lines = [];
	const crowd = await observer.observe(() => toggleWhileSaving({ site, observer, admin, word, lines }));
	lines.push(...site.outbox());
	const arrived = new Set(crowd.received[0].map(identity));
	const events = lines.map(({ event }) => event).filter((event) => event.post_title.includes(`${word} w`));
	const absent = events.filter((event) => !arrived.has(identity(event)));
	const name = 'companion toggled';
	check(`${name}, 8 at once: each line of the outbox arrives`, absent.length === 0, absent.map(identity).join());
	table.add(name, true, judge(name, alone, {}));
	const parallel = { parallel: true, tolerance: MIXED_TOLERANCE };
	table.add(`${name}, 8 at once`, true, judge(`${name}, 8 at once`, crowd, parallel));
}

/** Toggles the companion six times while 8 workers save. Three times it adds the outbox to lines and deletes it. */
async function toggleWhileSaving({ site, observer, admin, word, lines }) {
	const posts = site.posts(8, `${word} 0`);
	let running = true;
	const save = (worker, n) => admin.quickEdit(posts[worker - 1], title(word, worker, n));
	const working = work(posts.length, save, () => running);
	const allSaveTwice = async () => {
		const enough = observer.count('written', word) + 2 * posts.length;
		await until(() => observer.count('written', word) >= enough);
	};
	for (let turn = 1; turn <= 6; turn++) {
		site.setCompanion(false);
		await allSaveTwice();
		if (turn % 2 === 0) {
			lines.push(...site.outbox());
			for (const outbox of site.outboxes()) rmSync(outbox);
		}
		site.setCompanion(true);
		await allSaveTwice();
	}
	running = false;
	const result = await working;
	return { saves: result.saves, checks: { 'all saves succeed': result.failed === 0 } };
}

/** If the outbox cannot be written, posts are saved as without the companion, and the error log has one entry. */
export async function testOutboxFailure({ site, observer, admin, log }) {
	const word = 'failing';
	const [post] = site.posts(1, `${word} 0`);
	const { uid, gid } = statSync(site.events);
	const file = `${site.events}/latest_event.json`;
	let saves = 0;
	const save = async (count) => {
		let ok = 0;
		for (let n = 1; n <= count; n++) ok += (await admin.quickEdit(post, `${word} ${++saves}`)).ok;
		return { saves: count, checks: { 'all saves succeed': ok === count } };
	};
	log.newLines();
	await observer.settle();
	for (const outbox of site.outboxes()) rmSync(outbox);
	chmodSync(site.events, 0o555);
	judge('the outbox cannot be created', await observer.observe(() => save(3)), {});

	const denied = await observer.observe(async () => {
		chownSync(site.events, 0, 0);
		chownSync(file, 0, 0);
		const saved = await save(3);
		chownSync(site.events, uid, gid);
		chownSync(file, uid, gid);
		chmodSync(site.events, 0o755);
		return saved;
	});
	const saved = denied.checks['all saves succeed'] && denied.written.length === 3;
	check('no file can be written: all saves succeed', saved);
	check('no file can be written: no event arrives', denied.received.flat().length === 0);
	judge('the outbox can be written again', await observer.observe(() => save(3)), { companion: true });
	const entries = log.newLines().filter((line) => line.includes('wpre-relay companion:'));
	const useful = entries.length === 1 && /events-KEY\.ndjson.*latest_event\.json/.test(entries[0]);
	check('the error log has one entry, without the name of the outbox', useful, entries.join('\n'));
}

/** WPRE_RELAY_FIELDS adds fields to events. */
export async function testFields({ site, observer, admin, constants }) {
	site.setConstants({ ...constants, WPRE_RELAY_FIELDS: true });
	const seen = await observer.observe(async () => {
		await admin.publish('Fields / of <b>many</b> "kinds"');
		return { saves: 1 };
	});
	judge('more fields', seen, { companion: true });
	const { timestamp, type, post_id, post_title, status, is_update, ...more } = seen.received[0][0] ?? {};
	const want = { post_type: 'post', permalink: `${site.url}/fields-of-many-kinds/`, site_id: 1 };
	check('more fields: they are correct and last', JSON.stringify(more) === JSON.stringify(want), JSON.stringify(more));
	site.setConstants(constants);
}

/** WPRE_RELAY_URL and WPRE_RELAY_JWT_KEY give tokens to users who are logged in. The relay rejects all others. */
export async function testTokens({ site, secure, browser, admin, secret, constants }) {
	const [post] = site.posts(1, 'guarded');
	const https = { WP_HOME: secure.url, WP_SITEURL: secure.url };
	for (const [name, where, more] of [
		['tokens', site, {}], ['tokens, with WPRE_WS_SERVER_URL', site, constants], ['tokens, HTTPS', secure, https],
	]) {
		const url = `${where.url.replace('http', 'ws')}/ws`;
		site.setConstants({ ...more, WPRE_RELAY_URL: url, WPRE_RELAY_JWT_KEY: secret });
		const user = where === site ? admin : await where.user('admin');
		const page = await FrontPage.open(browser, where, user);
		const anonymous = await FrontPage.open(browser, where);
		check(`${name}: a user who is logged in is accepted`, await until(() => page.opened === 1), page.errors.join());
		const roles = (await page.claims())?.roles;
		check(`${name}: the page has a token in a cookie`, roles?.join() === 'administrator', roles);
		check(`${name}: other visitors are rejected`, await until(() => anonymous.rejected > 0 && anonymous.opened === 0));
		check(`${name}: they have no token`, (await anonymous.claims()) === undefined);
		const urls = [...page.sockets, ...anonymous.sockets];
		check(`${name}: no URL has a token`, urls.every((each) => each === url), urls.join());
		await user.quickEdit(post, name);
		check(`${name}: events arrive`, (await missing([page], name)).length === 0 && anonymous.events.length === 0);
		await page.close();
		await anonymous.close();
	}
	site.setConstants(constants);
}

// Runs before the scripts of a page: all WebSockets fail.
const BLOCKED = `window.WebSocket = class {
	constructor() { setTimeout(() => this.onclose({ code: 1006 })); }
	close() {}
};`;

/** On another domain, the client gets the token from the REST route. The plugin's page sees what visitors see. */
export async function testOtherDomain({ site, browser, admin, secret, constants }) {
	const [post] = site.posts(1, 'elsewhere');
	const url = `${site.url.replace('http://127.0.0.1', 'ws://localhost')}/ws`;
	for (const [name, webSocket] of [['WebSocket', true], ['SSE', false]]) {
		site.setConstants({ ...constants, WPRE_RELAY_URL: url, WPRE_RELAY_JWT_KEY: secret, WPRE_RELAY_CLIENT: true });
		const context = await browser.newContext();
		if (!webSocket) await context.addInitScript(BLOCKED);
		await context.addCookies(admin.browserCookies());
		const page = await context.newPage();
		await page.goto(`${site.url}/`);
		const list = page.locator('#realtime-event-log > li');
		const arrived = await until(async () => {
			await admin.quickEdit(post, `elsewhere ${name}`);
			return (await list.allTextContents()).some((text) => text.includes(`elsewhere ${name}`));
		});
		check(`other domain: events arrive by ${name}`, arrived);
		const cookies = (await context.cookies(url.replace('ws', 'http'))).map((cookie) => cookie.name);
		check(`other domain: there is no cookie`, !cookies.includes('wpre_relay_token'), cookies.join());
		await context.close();
	}
	site.setConstants(constants);
}

/** With --auth-url, the relay asks the companion's endpoint about visitors. */
export async function testAuthURL({ createRelay, site, admin }) {
	const flags = ['--auth-url', `${site.url}/wp-json/wpre-relay/v1/auth`, '--allow-anonymous'];
	const relay = createRelay('auth-relay', ...flags, '--public-status', 'publish');
	await relay.start();
	const cookie = [...admin.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
	const clients = [new ResumingClient(relay.url, { Cookie: cookie, Origin: site.url }), new ResumingClient(relay.url)];
	for (const client of clients) await client.ready();
	await admin.save('asked about', 'draft');
	await admin.publish('asked about, published');
	const late = await missing(clients, 'asked about, published');
	const titles = clients.map(({ events }) => events.map(({ event }) => event.post_title).join());
	const want = ['asked about,asked about, published', 'asked about, published'];
	check('auth URL: an administrator sees drafts, visitors do not', late.length === 0 && `${titles}` === `${want}`,
		titles.join('; '));
	for (const client of clients) client.close();
	await relay.stop('SIGTERM');
}

/** WPRE_RELAY_CLIENT replaces the plugin's script by the relay's client, which shows the same and loses no event. */
export async function testRelayClient({ site, browser, observer, relay, admin, constants }) {
	const [post] = site.posts(1, 'own client');
	site.setConstants({ ...constants, WPRE_RELAY_URL: relay.url, WPRE_RELAY_CLIENT: true });
	const page = await FrontPage.open(browser, site);
	await relay.waitForClients(observer.receivers.length + 1);
	const sources = await page.page.locator('script[src]').evaluateAll((all) => all.map(({ src }) => src));
	const old = sources.some((src) => src.includes('websocket-client.js'));
	const replaced = sources.includes(`${relay.http}/client.js`) && !old;
	check("relay's client: it replaces the plugin's script", replaced, sources.join());
	const shows = async (count) => {
		const entries = await until(async () => (await page.entries()).length === count) && (await page.entries());
		const text = (i) => `Post saved: own client ${i + 1} (ID: ${post})`;
		return entries && entries.reverse().every((entry, i) => entry.includes(text(i)));
	};
	await admin.quickEdit(post, 'own client 1');
	check("relay's client: the page shows events", await shows(1));
	await relay.stop('SIGKILL');
	for (const n of [2, 3]) await admin.quickEdit(post, `own client ${n}`);
	await relay.start();
	const resumed = await shows(3);
	check("relay's client: it shows missed events once", resumed, (await page.entries()).join());
	await page.close();
	site.setConstants(constants);
}
