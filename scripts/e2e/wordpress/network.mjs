// Tests a network of two sites (multisite), which write into one event file: which user sees which posts, on the pages
// of which site. It turns the site into a network, so it comes last.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { check, until } from '../harness.mjs';
import { FrontPage, missing } from './pages.mjs';
import { Site } from './site.mjs';

// The filter for a network, as the documents show it.
const DOCUMENT = new URL('../../docs/security.md', import.meta.url);
export const [, NETWORK_FILTER] = /--filter '([^']*claims\.site_id[^']*)'/.exec(readFileSync(DOCUMENT, 'utf8'));

const STATUSES = ['draft', 'pending', 'private', 'publish'];
const EDITOR = ['read', 'edit_posts', 'edit_others_posts', 'read_private_posts', 'publish_posts'];
const ALL = [...EDITOR, 'manage_options'];

// The users, the site whose front page they open, and the claims in its token. Drafts are visible on that site if caps
// contains edit_others_posts.
const VIEWERS = [
	{ name: undefined, on: 1 },
	{ name: 'subscriber', on: 1, roles: ['subscriber'], caps: ['read'] },
	{ name: 'author', on: 1, roles: ['author'], caps: ['read', 'edit_posts', 'publish_posts'] },
	{ name: 'editor', on: 1, roles: ['editor'], caps: EDITOR },
	{ name: 'editor', on: 2, roles: [], caps: [] },
	{ name: 'editor2', on: 1, roles: [], caps: [] },
	{ name: 'editor2', on: 2, roles: ['editor'], caps: EDITOR },
	{ name: 'super', on: 1, roles: [], caps: ALL },
	{ name: 'super', on: 2, roles: [], caps: ALL },
];

/** Returns the claims of the token in a URL, or undefined if it has none. */
function claimsIn(url = '') {
	const token = new URL(url).searchParams.get('access_token');
	return token ? JSON.parse(Buffer.from(token.split('.')[1], 'base64url')) : undefined;
}

/** Turns the site into a network of two sites, both with the plugin. Returns both. */
function createNetwork(site) {
	const { host } = new URL(site.url);
	site.setup('network', host);
	site.addToConfig({
		MULTISITE: true, SUBDOMAIN_INSTALL: false, DOMAIN_CURRENT_SITE: host, PATH_CURRENT_SITE: '/',
		SITE_ID_CURRENT_SITE: 1, BLOG_ID_CURRENT_SITE: 1,
	});
	site.setup('sites', site.url);
	const two = new Site(`${site.url}/two`, site.work);
	two.leaks = site.leaks;
	return [site, two];
}

/** Tests users of both sites with the filter of the documents and the companion's tokens. */
export async function testNetwork({ site, networkRelay: relay, secret, browser, binary }) {
	const access = { WPRE_RELAY_URL: `${relay.url}/ws`, WPRE_RELAY_JWT_KEY: secret };
	site.setConstants(access);
	const sites = createNetwork(site);
	const writers = [];
	for (const each of sites) writers.push(await each.user('super'));

	const pages = [];
	for (const viewer of VIEWERS) {
		const visitor = viewer.name && (await sites[viewer.name === 'editor2' ? 1 : 0].user(viewer.name));
		const page = await FrontPage.open(browser, sites[viewer.on - 1], visitor);
		pages.push(Object.assign(page, { viewer, what: `${viewer.name ?? 'a visitor'} on site ${viewer.on}` }));
	}
	await relay.waitForClients(pages.length);
	pages.forEach(checkClaims);
	await checkViews(pages, writers);
	const unnamed = site.outbox().slice(-8).filter(({ event }) => ![1, 2].includes(event.site_id));
	check('network: events name their site without WPRE_RELAY_FIELDS', unnamed.length === 0, JSON.stringify(unnamed));
	for (const page of pages) await page.close();

	await testClaimsFilter(site, browser);
	site.setConstants({ ...access, WPRE_RELAY_JWT_TTL: -5 }); // the relay accepts it for 10 more seconds
	await testExpiry({ site, browser, writer: writers[0] });
	checkSettings(binary, site);
}

/** Checks the claims that the companion has put into the page's token. */
function checkClaims({ viewer, what, sockets }) {
	const claims = claimsIn(sockets[0]);
	if (!viewer.name) {
		check(`network: ${what} gets no token`, claims === undefined);
		return;
	}
	const { roles, caps, site_id } = claims ?? {};
	const want = { roles: viewer.roles, caps: viewer.caps, site_id: viewer.on };
	const same = JSON.stringify({ roles, caps, site_id }) === JSON.stringify(want);
	check(`network: the token of ${what} has the claims of that site`, same, JSON.stringify(claims));
}

/** Saves posts of each status on both sites, and checks which ones each page receives. */
async function checkViews(pages, writers) {
	const posts = writers.flatMap((_, i) => STATUSES.map((status) => ({ site: i + 1, status })));
	for (const { site, status } of posts) await writers[site - 1].save(`${status} of ${site}`, status);
	await writers[0].publish('the end');
	const titles = [...posts.map(({ site, status }) => `${status} of ${site}`), 'the end'];
	const late = await missing(pages, 'the end');
	check('network: published posts arrive everywhere', late.length === 0, late.map(({ what }) => what).join());
	for (const { viewer, what, events } of pages) {
		const drafts = viewer.caps?.includes('edit_others_posts');
		const sees = ({ site, status }) => status === 'publish' || (drafts && site === viewer.on);
		const want = [...posts.filter(sees).map(({ site, status }) => `${status} of ${site}`), 'the end'].join();
		// The relay has just started, so a page may also get events from before it connected.
		const got = events.map(({ event }) => event.post_title).filter((title) => titles.includes(title)).join();
		check(`network: ${what} sees ${drafts ? 'drafts of that site only' : 'no draft'}`, got === want, got);
	}
}

/** The WordPress filter wpre_relay_claims changes the claims. If it fails, the page has no token. */
async function testClaimsFilter(site, browser) {
	const plugin = `${site.content}/mu-plugins/claims.php`;
	const visitor = await site.user('author');
	const claims = async (body) => {
		writeFileSync(plugin, `<?php add_filter( 'wpre_relay_claims', function ( $claims, $user ) { ${body} }, 10, 2 );`);
		const page = await FrontPage.open(browser, site, visitor);
		await until(() => page.sockets.length > 0);
		await page.close();
		return claimsIn(page.sockets[0]);
	};
	const granted = await claims('$claims["forward"] = user_can( $user->ID, "edit_posts" ); return $claims;');
	check('claims: a filter adds one', granted?.forward === true && granted.sub !== undefined, JSON.stringify(granted));
	check('claims: a filter that returns nothing gives no token', (await claims('return null;')) === undefined);
	rmSync(plugin);
}

/** When the token has expired, the plugin's page connects again and continues as the public. */
async function testExpiry({ site, browser, writer }) {
	const page = await FrontPage.open(browser, site, await site.user('editor'));
	await until(() => page.opened === 1);
	await writer.save('before expiry', 'draft');
	check('expiry: an editor sees a draft', (await missing([page], 'before expiry')).length === 0);
	check('expiry: the page connects again', await until(() => page.opened === 2), page.errors.join());
	await writer.save('after expiry', 'draft');
	await writer.publish('published after expiry');
	check('expiry: it receives published posts', (await missing([page], 'published after expiry')).length === 0);
	check('expiry: it receives no draft', page.events.every(({ event }) => event.post_title !== 'after expiry'));
	await page.close();
}

/** The command check recognizes the network, and accepts only a filter that separates the sites. */
function checkSettings(binary, site) {
	const findings = (...flags) => {
		const args = ['check', '--json', '--watch', site.root, '--listen', 'off', '--admin-listen', 'off', ...flags];
		let out;
		try {
			out = execFileSync(binary, args, { encoding: 'utf8' });
		} catch (error) {
			out = error.stdout; // exits with 1 for other findings
		}
		return JSON.parse(out).filter((finding) => finding.check === 'network');
	};
	const levels = (...flags) => findings(...flags).map(({ level }) => level).join();
	check('check: the filter of the documents is fine', levels('--filter', NETWORK_FILTER) === 'ok');
	check('check: warns about --public-status on a network', levels('--public-status', 'publish') === 'warn');
	check('check: warns without a filter', levels() === 'warn');
}
