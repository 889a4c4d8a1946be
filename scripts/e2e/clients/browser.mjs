// Tests the relay's browser client in Chromium: browser.mjs BINARY DIR.
import { once } from 'node:events';
import { createServer } from 'node:http';
import { WebSocket } from 'ws';
import { launch } from '../chromium.mjs';
import { Proxy, Relay, Writer, check, finish, until } from '../harness.mjs';
import { testDemo } from './demo.mjs';
import { testTokens } from './tokens.mjs';

const [, , binary, dir] = process.argv;

const relay = new Relay(binary, `${dir}/browser`, '--history', '5');
await relay.start();
const proxy = new Proxy(relay);
await proxy.start();
const writer = new Writer(relay.file);

// Each page records the events of its client. /log has a list like the plugin's page.
const RECORDER = `<script>
	window.received = []; window.gaps = []; window.states = [];
	document.addEventListener('wpre:event', ({ detail }) => received.push(detail));
	document.addEventListener('wpre:gap', ({ detail }) => gaps.push(detail));
	document.addEventListener('wpre:state', ({ detail }) => states.push(detail));
</script>`;
const http = `http://${proxy.address}`;
const PAGES = {
	'/classic': `<script src="${http}/client.js"></script><script>relay = wpreRelay.connect('${http}');</script>`,
	'/module': `<script type="module">
		import { connect } from '${http}/client.mjs';
		window.relay = connect('ws://${proxy.address}/some/path');
	</script>`,
	'/log': `<ul id="realtime-event-log"></ul>
		<script src="${http}/client.js" data-connect data-log data-last="1"></script>`,
};
const site = createServer((request, response) => {
	const body = `<!doctype html><title>${request.url}</title><body>${RECORDER}${PAGES[request.url] ?? ''}`;
	response.setHeader('Content-Type', 'text/html').end(body);
}).listen(0, '127.0.0.1');
await once(site, 'listening');
const browser = await launch();

/** Opens a page in its own browser context and waits until it is connected. */
async function open(path) {
	const page = await (await browser.newContext()).newPage();
	page.errors = [];
	page.on('pageerror', (error) => page.errors.push(error.message));
	await page.goto(`http://127.0.0.1:${site.address().port}${path}`);
	await until(async () => (await page.evaluate('states.at(-1)'))?.state === 'open');
	return page;
}

const close = (page) => page.context().close();
const posts = (page) => page.evaluate('received.map(({ event }) => event.post_id)');
const receives = (page, post) => until(async () => (await posts(page)).includes(post));

/** Checks that the page received exactly these posts since index from. */
async function checkPosts(what, page, from, want) {
	const got = (await posts(page)).slice(from);
	check(what, JSON.stringify(got) === JSON.stringify(want), `${got}, not ${want}`);
}

/** Writes events one by one, waits for each on the page, and checks that the page received them once and in order. */
async function checkLive(what, page, count = 3) {
	const before = (await posts(page)).length;
	const want = [];
	for (let i = 0; i < count; i++) {
		writer.write();
		want.push(writer.count);
		await receives(page, writer.count);
	}
	await checkPosts(what, page, before, want);
}

/** Writes events one by one and waits until the relay has each. Returns their posts. */
async function writeToRelay(count) {
	const written = [];
	for (let i = 0; i < count; i++) {
		writer.write();
		written.push(writer.count);
		await until(async () => (await relay.history('limit=1')).events[0]?.event.post_id === writer.count);
	}
	return written;
}

/** Breaks the connection with fault, writes events, and checks that the page received them once and in order. */
async function checkResume(what, page, fault, count = 3) {
	const before = (await posts(page)).length;
	await fault();
	const want = await writeToRelay(count);
	await receives(page, writer.count);
	await checkPosts(what, page, before, want);
}

const cut = () => proxy.cut(1, 0, () => 0);
const restart = async (signal) => {
	await relay.stop(signal);
	await relay.start();
};

/** Keeps the page disconnected while the relay, which keeps 5 events, receives 8. */
async function checkGap(path, page) {
	const last = (await posts(page)).at(-1);
	proxy.down = true;
	await cut();
	await writeToRelay(8);
	proxy.down = false;
	await receives(page, writer.count);
	const gaps = await page.evaluate('gaps');
	const after = (await posts(page)).filter((post) => post > last);
	const oneGap = gaps.length === 1 && gaps[0].missing === 3;
	check(`${path}: one gap with the number of missing events`, oneGap, JSON.stringify(gaps));
	const kept = [4, 5, 6, 7, 8].map((n) => last + n);
	check(`${path}: the kept events after the gap`, JSON.stringify(after) === JSON.stringify(kept), after.join());
}

async function testScript(path) {
	const page = await open(path);
	await checkLive(`${path}: events arrive in order`, page);
	const ids = await page.evaluate('received.map(({ id }) => id)');
	const valid = ids.every((id, i) => /^[a-z0-9]+-\d+$/.test(id) && (i === 0 || id !== ids[i - 1]));
	check(`${path}: events have different positions`, valid, ids.join());
	await checkResume(`${path}: resumes after a cut`, page, cut);
	await checkResume(`${path}: resumes after kill -9`, page, () => restart('SIGKILL'));
	await checkResume(`${path}: resumes after a restart`, page, () => restart('SIGTERM'));
	const codes = await page.evaluate('states.filter(({ state }) => state === "waiting").map(({ code }) => code)');
	check(`${path}: reports the close code of a restart`, codes.includes(1012), codes.join());
	await checkGap(path, page);
	await page.evaluate('relay.close()');
	check(`${path}: close() is final`, (await page.evaluate('relay.state')) === 'closed');
	check(`${path}: no script error`, page.errors.length === 0, page.errors.join());
	await close(page);
}

async function testServerSentEvents() {
	proxy.blocked = true;
	const page = await open('/classic');
	check('blocked WebSocket: falls back to Server-Sent Events', (await page.evaluate('relay.transport')) === 'sse');
	await checkLive('Server-Sent Events: events arrive in order', page);
	await checkResume('Server-Sent Events: resumes after a cut', page, cut);
	await checkResume('Server-Sent Events: resumes after kill -9', page, () => restart('SIGKILL'));
	await close(page);
	const fresh = await open('/classic');
	await checkResume('Server-Sent Events: resumes after a cut before the first event', fresh, cut);
	await close(fresh);
	proxy.blocked = false;
}

/** Opens an EventSource of Chromium at a relay whose only place is taken, and then frees the place. */
async function testRejectedEventSource() {
	const full = new Relay(binary, `${dir}/full`, '--max-clients', '1');
	await full.start();
	const other = new WebSocket(`ws://127.0.0.1:${full.port}/`);
	await once(other, 'open');
	const page = await (await browser.newContext()).newPage();
	await page.goto(`http://127.0.0.1:${site.address().port}/empty`);
	await page.evaluate(`
		source = new EventSource('${full.http}/events');
		source.addEventListener('rejected', ({ data }) => received.push(JSON.parse(data)));
		source.onmessage = ({ data }) => received.push(JSON.parse(data))`);
	await until(async () => (await page.evaluate('received.length')) > 0);
	const [{ reason, status, retry }] = await page.evaluate('received');
	check('EventSource: learns why it is rejected', reason === 'max_clients' && status === 503 && retry >= 5000,
		`${reason}, ${status}, ${retry}`);
	other.close();
	const events = new Writer(full.file);
	const arrived = await until(async () => {
		events.write();
		return (await page.evaluate('received.at(-1).post_id')) > 0;
	});
	check('EventSource: connects when the relay has a place again', arrived);
	await close(page);
	await full.stop('SIGTERM');
}

async function testHiddenPage() {
	const page = await open('/classic');
	const setHidden = (hidden) => page.evaluate(`
		Object.defineProperty(document, 'hidden', { value: ${hidden}, configurable: true });
		document.dispatchEvent(new Event('visibilitychange'))`);
	await setHidden(true);
	await cut();
	await until(async () => (await page.evaluate('relay.state')) === 'waiting');
	const want = await writeToRelay(2);
	check('a hidden page waits', (await page.evaluate('relay.state')) === 'waiting');
	await setHidden(false);
	await receives(page, writer.count);
	await checkPosts('a page reconnects at once when it is shown', page, 0, want);
	await close(page);
}

async function testLog() {
	const page = await open('/log');
	await until(async () => (await posts(page)).length === 1); // data-last
	const title = '<img src=x onerror="window.broken = true">';
	writer.write(title);
	await receives(page, writer.count);
	const entries = await page.evaluate(
		'[...document.querySelectorAll("#realtime-event-log > li")].map((entry) => entry.textContent)');
	const newestFirst = entries.length === 2 && entries[0].includes(title) && entries[0].includes(`${writer.count}`);
	check('the list shows the newest event first', newestFirst, entries.join('\n'));
	check('a title is shown as text', await page.evaluate('!window.broken && document.images.length === 0'));
	await page.screenshot({ path: `${dir}/log.png` });
	await close(page);
}

const tokensTested = testTokens({ binary, dir, open, close, posts, receives }); // waits for tokens to expire
await testScript('/classic');
await testScript('/module');
await testServerSentEvents();
await testRejectedEventSource();
await testHiddenPage();
await testLog();
await testDemo(browser, binary);
await tokensTested;
await browser.close();
site.close();
await relay.stop('SIGTERM');
finish();
