// Tests a network of two sites (multisite), which write into one event file: which user sees which posts, on the pages
// of which site. It turns the site into a network, so it comes last.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { check } from '../harness.mjs';
import { testAccess } from './access.mjs';
import { FrontPage } from './pages.mjs';
import { Site } from './site.mjs';

// The filter for a network, as the documents show it.
const DOCUMENT = new URL('../../docs/security.md', import.meta.url);
export const [, NETWORK_FILTER] = /--filter '([^']*claims\.site_id[^']*)'/.exec(readFileSync(DOCUMENT, 'utf8'));

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
export async function testNetwork({ site, ...scope }) {
	const relay = `${site.url.replace('http', 'ws')}/ws`;
	site.setConstants({ WPRE_RELAY_URL: relay, WPRE_RELAY_JWT_KEY: scope.secret });
	const sites = createNetwork(site);
	const writers = [];
	for (const each of sites) writers.push(await each.user('super'));
	await testAccess({ ...scope, sites, writers, relay });
	const unnamed = site.outbox().slice(-8).filter(({ event }) => ![1, 2].includes(event.site_id));
	check('network: events name their site without WPRE_RELAY_FIELDS', unnamed.length === 0, JSON.stringify(unnamed));
	await testRoutes(sites[0]);
	await testClaimsFilter(site, scope.chromium);
	checkSettings(scope.binary, site);
}

/** The REST routes: a token needs a nonce, and the relay gets claims for the site that the client's path names. */
async function testRoutes(site) {
	const editor = await site.user('editor');
	const route = '/wp-json/wpre-relay/v1';
	const token = (headers) => editor.post(`${route}/token`, {}, headers);
	check('routes: no token without a nonce', (await token({})).status === 401);
	const renewed = await token({ 'X-WP-Nonce': editor.restNonce });
	const hidden = renewed.ok && !/eyJ/.test(renewed.text) && renewed.headers.get('Cache-Control') === 'no-store';
	check('routes: the token is only in the cookie', hidden, renewed.text);
	const roles = async (headers, visitor = editor) => {
		const answer = await visitor.get(`${route}/auth`, headers);
		return answer.ok ? `${JSON.parse(answer.text).site_id} ${JSON.parse(answer.text).roles}` : String(answer.status);
	};
	const other = await site.user('editor2');
	check('routes: claims for the site', (await roles({ Origin: site.url })) === '1 editor');
	check('routes: claims for the site of the path', (await roles({ 'X-Forwarded-Uri': '/ws/site-2/events' }, other)) ===
		'2 editor');
	check('routes: no claims for visitors', (await roles({}, site.visitor())) === '401');
	check('routes: no claims for foreign pages', (await roles({ Origin: 'https://evil.example' })) === '403');
}

/** The WordPress filter wpre_relay_claims changes the claims. If it fails, the page has no token. */
async function testClaimsFilter(site, browser) {
	const plugin = `${site.content}/mu-plugins/claims.php`;
	const visitor = await site.user('author');
	const claims = async (body) => {
		writeFileSync(plugin, `<?php add_filter( 'wpre_relay_claims', function ( $claims, $user ) { ${body} }, 10, 2 );`);
		const page = await FrontPage.open(browser, site, visitor);
		const claims = await page.claims();
		await page.close();
		return claims;
	};
	const granted = await claims('$claims["forward"] = user_can( $user->ID, "edit_posts" ); return $claims;');
	check('claims: a filter adds one', granted?.forward === true && granted.sub !== undefined, JSON.stringify(granted));
	check('claims: a filter that returns nothing gives no token', (await claims('return null;')) === undefined);
	rmSync(plugin);
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
