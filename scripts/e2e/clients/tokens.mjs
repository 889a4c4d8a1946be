// Tests the browser client with tokens that expire.
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { Relay, Writer, check, until } from '../harness.mjs';

const EXPIRIES = 3;

/**
 * Opens pages at a relay that shows drafts only to editors, and writes drafts while the token of each page expires
 * several times. The relay accepts a token for 10 seconds after its end. The scope has the functions of browser.mjs.
 */
export async function testTokens({ binary, dir, open, close, posts, receives }) {
	const key = `${dir}/key`;
	writeFileSync(key, 'k'.repeat(32));
	const flags = ['--jwt-key', key, '--allow-anonymous', '--public-status', 'publish', '--log-level', 'debug'];
	const relay = new Relay(binary, `${dir}/tokens`, ...flags);
	await relay.start();
	const tokens = [];
	const mint = async () => {
		const args = ['token', '--jwt-key', key, '--expires', '1s', '--claim', 'caps=["edit_others_posts"]'];
		tokens.push((await promisify(execFile)(binary, args)).stdout.trim());
		return tokens.at(-1);
	};
	const pages = await Promise.all(['never', 'always'].map(async (sse) => {
		const page = await open('/classic');
		await page.exposeFunction('mint', mint);
		await page.evaluate(`
			relay.close(), received = [], states = [];
			wpreRelay.connect('${relay.http}', { getToken: () => mint(), sse: '${sse}' })`);
		await until(async () => (await page.evaluate('states.at(-1)?.state')) === 'open');
		return page;
	}));
	const drafts = new Writer(relay.file);
	drafts.status = 'draft';
	drafts.start(Math.random, 100, 200);
	const transports = await Promise.all(pages.map((page) => page.evaluate('states.at(-1).transport')));
	for (const [i, page] of pages.entries()) {
		const expiries = () =>
			page.evaluate("states.filter(({ state, code }) => state === 'waiting' && code === 1008).length");
		const reconnected = await until(async () =>
			(await expiries()) >= EXPIRIES && (await page.evaluate('states.at(-1).state')) === 'open', 120_000);
		const what = `${transports[i]}: connects again after its token has expired ${EXPIRIES} times`;
		check(what, reconnected, await expiries());
	}
	drafts.stop();
	for (const page of pages) await receives(page, drafts.count);
	// A slow relay may miss a draft that the next one overwrites, so the pages are compared with the relay's history.
	const headers = { Authorization: `Bearer ${await mint()}` };
	const history = (await relay.allEvents(headers)).map(({ event }) => event.post_id).join();
	for (const [i, page] of pages.entries()) {
		const got = (await posts(page)).join();
		const what = `${transports[i]}: each draft once, before and after each expiry`;
		check(what, got !== '' && got === history, `${got} of ${history}`);
	}
	for (const page of pages) await close(page);
	check('the log of the relay has no token', tokens.every((token) => !relay.child.errors.includes(token)));
	await relay.stop('SIGTERM');
}
