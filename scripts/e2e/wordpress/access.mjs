// Tests who sees what on a network of two sites, over HTTPS: a table of visitors, posts and transports, and what
// happens when a token expires, when a user logs out and when a user loses a role.
import { readFileSync, writeFileSync } from 'node:fs';
import { check, pause, until } from '../harness.mjs';
import { AccessPage, TRANSPORTS, claimsOf, inChromium, inFirefox } from './access_page.mjs';

const DOCUMENT = new URL('../../docs/access.md', import.meta.url);
const EXPIRIES = 3;
const SLOW = 180_000; // ms, for three expiries on a slow machine

const STATUSES = ['publish', 'draft', 'pending', 'private'];
const AUTHOR = ['read', 'edit_posts', 'publish_posts'];
const EDITOR = ['read', 'edit_posts', 'edit_others_posts', 'read_private_posts', 'publish_posts'];
const ALL = [...EDITOR, 'manage_options'];

// The users, the site whose front page they open, and the claims in its token. row is the row of the table in the
// documents. firefox: also in Firefox.
const VIEWERS = [
	{ row: 'logged out', on: 1, firefox: true },
	{ row: 'subscriber', name: 'subscriber', on: 1, roles: ['subscriber'], caps: ['read'] },
	{ row: 'author', name: 'author', on: 1, roles: ['author'], caps: AUTHOR, firefox: true },
	{ row: 'editor', name: 'editor', on: 1, roles: ['editor'], caps: EDITOR, firefox: true },
	{ row: 'editor', name: 'editor2', on: 2, roles: ['editor'], caps: EDITOR },
	{ row: 'administrator', name: 'administrator', on: 1, roles: ['administrator'], caps: ALL },
	{ row: 'super admin', name: 'super', on: 1, roles: [], caps: ALL },
	{ row: 'super admin', name: 'super', on: 2, roles: [], caps: ALL },
	{ row: 'editor of another site', name: 'editor', on: 2, roles: [], caps: [] },
	{ row: 'editor of another site', name: 'editor2', on: 1, roles: [], caps: [] },
];

/** Opens pages as users of a network, whose sites are in sites, in both browsers. */
class Opener {
	constructor({ sites, relay, chromium, firefox }) {
		this.sites = sites;
		this.relay = relay;
		this.browsers = { chromium: inChromium(chromium), firefox: inFirefox(firefox) };
	}

	/** Opens the front page of site number on. name: the user, if one is logged in. */
	async open({ name: user, on }, more = [], browser = 'chromium') {
		const visitor = user && (await this.sites[user === 'editor2' ? 1 : 0].user(user));
		const login = visitor ? visitor.browserCookies().map(({ name, value }) => ({ name, value })) : [];
		const relay = `${this.relay}/site-${on}`;
		const page = await AccessPage.open(this.browsers[browser], this.sites[on - 1], [...login, ...more], relay);
		return Object.assign(page, { what: `${user ?? 'a visitor'} on site ${on}, ${browser}` });
	}

	/** Opens a page of a user whose tokens expire after a second. The relay accepts them for 10 more seconds. */
	openShort(name) { return this.open({ name, on: 1 }, [{ name: 'short_lived', value: '1' }]); }
}

/** Tests access on a network. scope: sites, both with the plugin; writers, a user of each who may publish; and more. */
export async function testAccess(scope) {
	const { sites, writers } = scope;
	const opener = new Opener(scope);
	writeFileSync(`${sites[0].content}/mu-plugins/short-lived.php`, `<?php
		if ( isset( $_COOKIE['short_lived'] ) ) {
			define( 'WPRE_RELAY_JWT_TTL', 1 );
		}`);
	await Promise.all([
		testTable(opener, writers),
		testExpiry(opener, writers[0]),
		testLogout(opener, writers[0]),
		testDemotion(opener, sites[0], writers[0]),
	]);
}

/** Saves posts of each status on both sites. Checks which ones each visitor receives, and the documents' table. */
async function testTable(opener, writers) {
	const pages = [];
	for (const viewer of VIEWERS) {
		for (const browser of viewer.firefox ? ['chromium', 'firefox'] : ['chromium']) {
			pages.push(Object.assign(await opener.open(viewer, [], browser), { viewer, browser }));
		}
	}
	for (const page of pages) if (page.browser === 'chromium') await checkCookie(page);
	const posts = [1, 2].flatMap((site) => STATUSES.map((status) => ({ site, status, title: `${status} of ${site}` })));
	for (const { site, status, title } of posts) await writers[site - 1].save(title, status);
	await writers[0].publish('the end');
	const rows = new Map();
	for (const page of pages) {
		const late = await page.missing('the end');
		check(`table: published posts arrive for ${page.what}`, late.length === 0, late.join());
		const cells = cellsOf(posts, page.viewer.on, await page.titles());
		const { row } = page.viewer;
		check(`table: ${page.what} sees what the row of its role says`, (rows.get(row) ?? cells) === cells, cells);
		rows.set(row, cells);
		await page.close();
	}
	const document = readFileSync(DOCUMENT, 'utf8').replace(/ +/g, ' ');
	const lines = [...rows].map(([row, cells]) => `| ${row} | ${cells} |`);
	const shown = lines.every((line) => document.includes(line));
	check('table: the documents show it', shown, `\n${lines.join('\n')}`);
}

/** Returns the cells of the table: the transports by which posts arrive, of the page's site and of the other one. */
function cellsOf(posts, on, titles) {
	const letters = { page: 'P', websocket: 'W', sse: 'S' };
	const cell = (chosen) => {
		const count = (name) => chosen.filter(({ title }) => titles[name].includes(title)).length;
		const names = TRANSPORTS.filter((name) => count(name) > 0);
		const partly = TRANSPORTS.some((name) => ![0, chosen.length].includes(count(name)));
		const once = TRANSPORTS.every((name) => new Set(titles[name]).size === titles[name].length);
		return `${names.map((name) => letters[name]).join(' ') || '–'}${partly ? ' partly' : ''}${once ? '' : ' twice'}`;
	};
	const own = STATUSES.map((status) => cell(posts.filter((post) => post.site === on && post.status === status)));
	const others = (isPublic) => posts.filter(({ site, status }) => site !== on && (status === 'publish') === isPublic);
	return [...own, cell(others(true)), cell(others(false))].join(' | ');
}

/** Checks the cookie of a page: its flags, its path, and the claims in its token. */
async function checkCookie({ viewer, what, context }) {
	const cookies = (await context.cookies()).filter(({ name }) => name === 'wpre_relay_token');
	if (!viewer.name) {
		check(`cookie: ${what} gets none`, cookies.length === 0);
		return;
	}
	const [{ path, httpOnly, secure, sameSite, expires, value } = {}] = cookies;
	const kept = cookies.length === 1 && path === `/ws/site-${viewer.on}` && httpOnly && secure && sameSite === 'Lax';
	check(`cookie of ${what}: it goes to the relay only`, kept, JSON.stringify(cookies));
	const { iss, aud, roles, caps, site_id, iat, exp } = value ? claimsOf(value) : {};
	check(`cookie of ${what}: it lives for 15 minutes`, exp - iat === 900 && Math.abs(expires - exp) < 5, expires - iat);
	const want = { aud: 'wpre-relay', roles: viewer.roles, caps: viewer.caps, site_id: viewer.on };
	const same = JSON.stringify({ aud, roles, caps, site_id }) === JSON.stringify(want) && iss.startsWith('https://');
	check(`cookie of ${what}: it has the claims of that site`, same, JSON.stringify({ iss, aud, roles, caps, site_id }));
}

/** Saves drafts while the token of an editor's page expires several times. Each arrives once, by each transport. */
async function testExpiry(opener, writer) {
	const page = await opener.openShort('expiring');
	const { text } = await writer.save('expiring', 'draft');
	const { id } = JSON.parse(text);
	const titles = [];
	const enough = await until(async () => {
		titles.push(`expiring ${titles.length + 1}`);
		await writer.save(titles.at(-1), 'draft', id);
		await pause(200);
		const opened = await page.opened();
		return TRANSPORTS.every((name) => opened[name] > EXPIRIES);
	}, SLOW);
	check(`expiry: all transports connect again ${EXPIRIES} times`, enough, JSON.stringify(await page.opened()));
	await page.missing(titles.at(-1));
	const got = await page.titles();
	for (const name of TRANSPORTS) {
		const drafts = got[name].filter((title) => titles.includes(title));
		check(`expiry: each draft arrives once, ${name}`, drafts.join() === titles.join(), drafts.join());
	}
	await page.close();
}

/** Waits until drafts do not arrive on a page any more. Published posts still do. */
async function becomesPublic(page, writer, word) {
	let n = 0;
	return until(async () => {
		const [draft, post] = [`${word} draft ${++n}`, `${word} post ${n}`];
		await writer.save(draft, 'draft');
		await writer.publish(post);
		const late = await page.missing(post);
		const titles = await page.titles();
		return late.length === 0 && TRANSPORTS.every((name) => !titles[name].includes(draft));
	}, SLOW);
}

/** Logging out deletes the cookies of all sites. The connections of other tabs end with their token. */
async function testLogout(opener, writer) {
	const page = await opener.openShort('leaving');
	await writer.save('before log-out', 'draft');
	check('log-out: an editor sees a draft', (await page.missing('before log-out')).length === 0);
	const tab = await page.context.newPage();
	for (const site of [opener.sites[1], opener.sites[0]]) await tab.goto(`${site.url}/`);
	const before = await page.tokens();
	check('log-out: each visited site has a cookie', before.length === 2, JSON.stringify(before));
	await tab.goto(await tab.evaluate("document.querySelector('#wp-admin-bar-logout a').href"));
	// The other tab renews its cookie every few moments. An answer that is late sets it again, and the next one deletes it.
	const isDeleted = () => until(async () => (await page.tokens()).length === 0, SLOW);
	check('log-out: it deletes all of them', await isDeleted());
	check('log-out: other tabs become those of a visitor', await becomesPublic(page, writer, 'log-out'));
	check('log-out: there is no cookie later', await isDeleted());
	await page.close();
}

/** An editor who becomes a subscriber sees drafts at most until the token expires, without a reload. */
async function testDemotion(opener, site, writer) {
	const page = await opener.openShort('demoted');
	await writer.save('before demotion', 'draft');
	check('demotion: an editor sees a draft', (await page.missing('before demotion')).length === 0);
	site.setup('role', site.url, 'demoted', 'subscriber');
	check('demotion: the page sees published posts only', await becomesPublic(page, writer, 'demotion'));
	const [{ value } = {}] = await page.tokens();
	check('demotion: the user still has a token', value && claimsOf(value).roles.join() === 'subscriber');
	await page.close();
}
