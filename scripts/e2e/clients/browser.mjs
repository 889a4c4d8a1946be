// The relay's own client in Chromium: browser.mjs BINARY DIR.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { chromium } from 'playwright-core';
import { Proxy, Relay, Writer, check, finish, until } from '../harness.mjs';

const [, , binary, dir] = process.argv;

const relay = new Relay(binary, `${dir}/browser`, '--history', '5');
await relay.start();
const proxy = new Proxy(relay);
await proxy.start();
const writer = new Writer(relay.file);

// Pages that note what they are told. Each has its script, and /log a list as the plugin's page has one.
const NOTE = `<script>
	window.got = []; window.gaps = []; window.states = [];
	document.addEventListener('wpre:event', ({ detail }) => got.push(detail));
	document.addEventListener('wpre:gap', ({ detail }) => gaps.push(detail));
	document.addEventListener('wpre:state', ({ detail }) => states.push(detail));
</script>`;
const PAGES = {
	'/classic': `<script src="http://${proxy.address}/client.js"></script><script>relay = wpreRelay.connect('http://${proxy.address}');</script>`,
	'/module': `<script type="module">import { connect } from 'http://${proxy.address}/client.mjs'; window.relay = connect('ws://${proxy.address}/some/path');</script>`,
	'/log': `<ul id="realtime-event-log"></ul><script src="http://${proxy.address}/client.js" data-connect data-log data-last="1"></script>`,
};
const site = createServer((request, response) => {
	response.setHeader('Content-Type', 'text/html').end(`<!doctype html><title>${request.url}</title><body>${NOTE}${PAGES[request.url] ?? ''}`);
}).listen(0, '127.0.0.1');
await once(site, 'listening');

const browser = await chromium.launch({
	executablePath: '/usr/bin/chromium',
	args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});

/** Opens a page in a browser window of its own, and waits until it is connected. */
async function open(path) {
	const page = await (await browser.newContext()).newPage();
	page.faults = [];
	page.on('pageerror', (error) => page.faults.push(error.message));
	await page.goto(`http://127.0.0.1:${site.address().port}${path}`);
	await opened(page);
	return page;
}

const opened = (page) => until(async () => (await page.evaluate('states.at(-1)'))?.state === 'open');
const posts = (page) => page.evaluate('got.map(({ event }) => event.post_id)');
const arrives = (page, post) => until(async () => (await posts(page)).includes(post));

/** Writes events and waits for each on the page; then compares all that it got since. */
async function expect(what, page, count = 3) {
	const before = (await posts(page)).length;
	const want = [];
	for (let i = 0; i < count; i++) {
		writer.write();
		want.push(writer.count);
		await arrives(page, writer.count);
	}
	const got = (await posts(page)).slice(before);
	check(what, JSON.stringify(got) === JSON.stringify(want), `${got}, not ${want}`);
}

/** Writes events one after the other, each when the relay has the last. */
async function writeUnseen(count) {
	const want = [];
	for (let i = 0; i < count; i++) {
		writer.write();
		want.push(writer.count);
		await until(async () => (await relay.history('limit=1')).events[0]?.event.post_id === writer.count);
	}
	return want;
}

/** Does what breaks the connection, and what happens meanwhile; all of that must come, once and in order. */
async function expectAfter(what, page, fault, count = 3) {
	const before = (await posts(page)).length;
	await fault();
	const want = await writeUnseen(count);
	await arrives(page, writer.count);
	const got = (await posts(page)).slice(before);
	check(what, JSON.stringify(got) === JSON.stringify(want), `${got}, not ${want}`);
}

const cut = () => proxy.cut(1, 0, () => 0);
const restart = async (signal) => {
	await relay.end(signal);
	await relay.start();
};

for (const path of ['/classic', '/module']) {
	const page = await open(path);
	await expect(`${path}: events come in order`, page);
	const ids = await page.evaluate('got.map(({ id }) => id)');
	check(`${path}: with their positions`, ids.every((id, i) => /^[a-z0-9]+-\d+$/.test(id) && (i === 0 || id !== ids[i - 1])), ids.join());
	await expectAfter(`${path}: nothing is lost in a cut`, page, cut);
	await expectAfter(`${path}: nor in a kill -9`, page, () => restart('SIGKILL'));
	await expectAfter(`${path}: nor in a restart`, page, () => restart('SIGTERM'));
	const codes = await page.evaluate('states.filter(({ state }) => state === "waiting").map(({ code }) => code)');
	check(`${path}: a restart is told by its code`, codes.includes(1012), codes.join());
	const last = (await posts(page)).at(-1);
	await cut();
	await writeUnseen(8); // of which the relay keeps 5
	await arrives(page, writer.count);
	const [gaps, after] = [await page.evaluate('gaps'), (await posts(page)).filter((post) => post > last)];
	check(`${path}: what is no longer kept is told, once`, gaps.length === 1 && gaps[0].missing === 3, JSON.stringify(gaps));
	check(`${path}: and what is kept comes`, JSON.stringify(after) === JSON.stringify([4, 5, 6, 7, 8].map((n) => last + n)), after.join());
	await page.evaluate('relay.close()');
	check(`${path}: closed for good`, (await page.evaluate('relay.state')) === 'closed');
	check(`${path}: without an error`, page.faults.length === 0, page.faults.join());
	await page.context().close();
}

{
	proxy.blocked = true;
	const page = await open('/classic');
	check('where WebSocket is blocked: an event stream', (await page.evaluate('relay.transport')) === 'sse');
	await expect('event stream: events come in order', page);
	await expectAfter('event stream: nothing is lost in a cut', page, cut);
	await expectAfter('event stream: nor in a kill -9', page, () => restart('SIGKILL'));
	await page.context().close();
	const fresh = await open('/classic');
	await expectAfter('event stream: nor in a cut before the first event', fresh, cut);
	await fresh.context().close();
	proxy.blocked = false;
}

{
	const page = await open('/classic');
	const hide = (hidden) => page.evaluate(`Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
		document.dispatchEvent(new Event('visibilitychange'))`);
	await hide(true);
	await cut();
	await until(async () => (await page.evaluate('relay.state')) === 'waiting');
	const want = await writeUnseen(2);
	check('a hidden page waits', (await page.evaluate('relay.state')) === 'waiting');
	await hide(false);
	await arrives(page, writer.count);
	const got = await posts(page);
	check('and goes on at once when it is seen', JSON.stringify(got) === JSON.stringify(want), `${got}, not ${want}`);
	await page.context().close();
}

{
	const page = await open('/log');
	await until(async () => (await posts(page)).length === 1); // data-last
	const title = '<img src=x onerror="window.broken = true">';
	writer.write(title);
	await arrives(page, writer.count);
	const entries = await page.evaluate('[...document.querySelectorAll("#realtime-event-log > li")].map((entry) => entry.textContent)');
	check('the list shows the newest first', entries.length === 2 && entries[0].includes(title) && entries[0].includes(`${writer.count}`), entries.join('\n'));
	check('a title is text', await page.evaluate('!window.broken && document.images.length === 0'));
	await page.screenshot({ path: `${dir}/log.png` });
	await page.context().close();
}

await browser.close();
site.close();
await relay.end('SIGTERM');
finish();
