// Tests the status page in Chromium: status.mjs BINARY DIR. With SCREENSHOTS=DIR it saves screenshots there.
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import WebSocket from 'ws';
import { launch } from '../chromium.mjs';
import { Relay, Writer, check, finish, freePort, until } from '../harness.mjs';
import { violations } from './axe.mjs';

const [, , binary, dir] = process.argv;
const TOKEN = 'a token of this test';

const admin = `127.0.0.1:${await freePort()}`;
const relay = new Relay(binary, `${dir}/status`, '--admin-listen', admin, '--publish-token', TOKEN);
await relay.start();
const writer = new Writer(relay.file);

const browser = await launch();
const context = await browser.newContext({ colorScheme: 'light', viewport: { width: 1200, height: 900 } });
const page = await context.newPage();
const errors = [];
const external = []; // requests to other hosts
page.on('pageerror', (error) => errors.push(error.message));
page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
page.on('request', (request) => new URL(request.url()).host === admin || external.push(request.url()));
await page.goto(`http://${admin}/`);

const text = (selector) => page.locator(selector).innerText();
const rows = () => page.locator('#changes tr').allInnerTexts();
const links = () => page.locator('#strip .link').evaluateAll((all) =>
	all.map((link) => link.classList[1]).join(' '));
const shows = (selector, want) => until(async () => (await text(selector)).includes(want));
const rowShows = (want) => until(async () => (await rows())[0]?.includes(want));
const rowCount = (count) => until(async () => (await rows()).length === count);
const linksAre = (want) => until(async () => (await links()) === want);
const titled = (title, state) => until(async () => (await page.title()).startsWith(title)
	&& await page.locator('#icon').getAttribute('href') === `icon-${state}.svg`);

/** Checks the page in its present state by axe. */
async function testAccessibility(state, colorScheme) {
	await page.emulateMedia({ colorScheme });
	if (process.env.SCREENSHOTS) {
		await page.screenshot({ path: `${process.env.SCREENSHOTS}/${state}-${colorScheme}.png`, fullPage: true });
	}
	const found = await violations(page);
	check(`axe finds nothing, ${state}, ${colorScheme}`, found.length === 0, found.join('; '));
	await page.emulateMedia({ colorScheme: 'light' });
}

async function testEmpty() {
	check('the page shows that the relay is ready', await shows('#state', 'Ready'));
	const waits = await linksAre('waiting ok waiting ok waiting');
	check('the strip waits for the plugin and for clients', waits, await links());
	check('it gives lines to paste', (await text('#fixes')).includes('wpre-relay check --watch'));
}

async function testEvents() {
	const client = new WebSocket(`ws://127.0.0.1:${relay.port}`);
	client.on('error', () => {});
	await once(client, 'open');
	check('it counts the client', await shows('#clients', '1'));
	const title = '<b>Grüße</b> & more';
	writer.write(title);
	check('it shows an event, with its markup as text', await rowShows(title), (await rows())[0]);
	writer.write('second');
	check('it shows the newest event first', await rowShows('second'));
	check('each event has its time', (await rows()).every((row) => /^\d\d:\d\d:\d\d\.\d{3}\s/.test(row)), await rows());
	check('each event has its decision', (await rows()).every((row) => row.includes('relayed')), await rows());
	check('it shows the delivery latency', await shows('#p50', 'ms'));
	check('it shows the rate of events', await shows('#event-rate', '/s'));
	check('all links are green', await linksAre('ok ok ok ok ok'), await links());
	check('the title and the icon show it', await titled('✓ 1 client', 'ok'), await page.title());
}

async function testDecisions() {
	await page.locator('#search').fill('GRÜSSE second');
	check('the search wants all words', await rowCount(1) && await shows('#changes', 'No change matches'));
	await page.locator('#search').fill('gr');
	check('the search ignores case', await rowShows('Grüße'));
	await page.locator('#search').fill('');
	await page.locator('#filter input').first().focus();
	await page.keyboard.press('Space');
	check('the keyboard hides a decision', await shows('#changes', 'No change matches'));
	await page.keyboard.press('Space');
	check('the keyboard shows it again', await rowCount(2));
	await page.locator('#changes button').first().focus();
	await page.keyboard.press('Enter');
	check('a row explains its decision', await shows('#changes .details', 'a new event, sent to the clients'));
	check('a payload needs the token', await shows('#changes .details', 'needs the publish token'));
	await page.locator('#token').fill('another token');
	check('another token does not show it', await shows('#changes .details', 'unauthorized'));
	await page.locator('#token').fill(TOKEN);
	check('the token shows it', await shows('#changes .details pre', '"post_title": "second"'));
	await page.locator('#token-form button').click();
	check('the test event is sent', await shows('#test-result', 'relayed') && await rowShows('Test event'));
	const kept = await page.evaluate(() =>
		document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage));
	check('the token is not stored', !kept.includes(TOKEN), kept);
}

async function testPages() {
	for (let n = 0; n < 30; n++) {
		writer.write(`page ${n}`);
		await rowShows(`page ${n}`);
	}
	check('a page has 25 rows', await shows('#rows', '1–25 of ') && await rowCount(25), await text('#rows'));
	while (await page.locator('#older').isEnabled()) await page.locator('#older').click();
	check('all rows can be reached', await shows('#changes', 'Grüße'), await text('#rows'));
	await page.locator('#newer').click();
}

async function testTables() {
	await page.locator('#client-list').scrollIntoViewIfNeeded();
	check('it lists the client', await shows('#client-list', 'WebSocket') && await shows('#client-list', 'live'));
	const settings = await until(async () => /listen.*--listen/.test(await text('#settings')) && text('#settings'));
	check('it shows settings with their origin, and no secret', settings && !settings.includes(TOKEN), settings);
	await page.locator('#run-check').click();
	await shows('#check-note', 'not checked');
	check('it shows the findings of check', await shows('#findings', 'companion'));
	const client = new WebSocket(`ws://127.0.0.1:${relay.port}`, { origin: 'https://other.example' });
	client.on('error', () => {});
	await shows('#rejected', 'another host name');
	check('it explains rejections', await shows('#rejected', '--allow-origin'));
}

async function testCharts() {
	await page.evaluate(() => scrollTo(0, 0));
	check('it draws the number of clients', await until(() => page.locator('#clients-chart polyline').count()));
	const labels = await page.locator('#clients-chart text').allTextContents();
	check('the chart has both axes', labels.includes('0') && labels.some((label) => /^\d\d:\d\d$/.test(label)), labels);
	await page.locator('#clients-chart svg').hover({ position: { x: 200, y: 60 } });
	for (const chart of ['#clients-chart', '#events-chart']) {
		const value = await until(async () => /^\d\d:\d\d:\d\d: \d/.test(await text(`${chart} output`)));
		check(`hovering one chart shows a value in ${chart}`, value);
	}
	await page.locator('#clients-chart svg').focus();
	await page.keyboard.press('Home');
	const first = await page.locator('#clients-chart svg').getAttribute('aria-valuetext');
	check('the keyboard reaches the first value', first.endsWith(': 0') || first.endsWith(': 1'), first);
	check('the range fits the uptime', (await text('#range-shown')).includes('5 min'));
}

async function testSizes() {
	for (const [name, width] of [['a window of 360 px', 360], ['a zoom of 200 %', 640]]) {
		await page.setViewportSize({ width, height: 700 });
		const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
		check(`${name} needs no horizontal scrolling`, fits);
	}
	await page.setViewportSize({ width: 360, height: 700 });
	await testAccessibility('mobile', 'light');
	await page.setViewportSize({ width: 1200, height: 900 });
}

async function testBroken() {
	writeFileSync(relay.file, 'no event');
	check('the strip is red where it is broken', await linksAre('ok ok broken ok ok'), await links());
	check('it names the reason', await shows('#fixes', 'JSON object'));
	check('it gives lines to paste', await shows('#fixes', 'head -c 300'));
	check('the title and the icon show it', await titled('✗ broken', 'broken'), await page.title());
	await testAccessibility('broken', 'dark');
}

async function testRestart() {
	await relay.stop('SIGKILL');
	check('the page shows that the relay does not answer', await shows('#state', 'does not answer'));
	check('the title and the icon show it', await titled('– no answer', 'dead'), await page.title());
	check('the links are unknown', await linksAre('dead dead dead dead dead'));
	check('it tells how to look for the relay', await shows('#fixes', 'systemctl status'));
	const color = await page.locator('#clients').evaluate((node) => getComputedStyle(node).color);
	check('old numbers are grey', color === 'rgb(87, 96, 106)', color);
	await testAccessibility('dead', 'light');
	writer.write('after the restart');
	await relay.start();
	check('the page shows that the relay is ready again', await shows('#state', 'Ready'));
	check('numbers are not grey any more', await until(() => page.evaluate(() => document.body.className === '')));
}

await testEmpty();
await testEvents();
await testDecisions();
await testPages();
await testTables();
await testCharts();
await testAccessibility('busy', 'light');
await testAccessibility('busy', 'dark');
await testSizes();
await testBroken();
await testRestart();
const expected = (error) => /ERR_|401 \(Unauthorized\)/.test(error); // while the relay is down; with another token
check('the page has no script error', errors.every(expected), errors.join('; '));
check('the page loads nothing from other hosts', external.length === 0, external.join(' '));
await browser.close();
await relay.stop('SIGTERM');
finish();
