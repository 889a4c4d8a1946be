// Tests the status page in Chromium: status.mjs BINARY DIR. With SCREENSHOTS=DIR it saves screenshots there.
import { once } from 'node:events';
import WebSocket from 'ws';
import { launch } from '../chromium.mjs';
import { Relay, Writer, check, finish, freePort, until } from '../harness.mjs';

const [, , binary, dir] = process.argv;

const admin = `127.0.0.1:${await freePort()}`;
const relay = new Relay(binary, `${dir}/status`, '--admin-listen', admin);
await relay.start();
const writer = new Writer(relay.file);
const client = new WebSocket(`ws://127.0.0.1:${relay.port}`);
await once(client, 'open');
client.on('error', () => {});

const browser = await launch();
const context = await browser.newContext({ colorScheme: 'light', viewport: { width: 1100, height: 1000 } });
const page = await context.newPage();
const errors = [];
const external = []; // requests to other hosts
page.on('pageerror', (error) => errors.push(error.message));
page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
page.on('request', (request) => new URL(request.url()).host === admin || external.push(request.url()));
await page.goto(`http://${admin}/`);

const text = (selector) => page.locator(selector).innerText();
const rows = () => page.locator('#changes tr').allInnerTexts();
const shows = (selector, want) => until(async () => (await text(selector)).includes(want));
const rowShows = (want) => until(async () => (await rows())[0]?.includes(want));
const rowCount = (count) => until(async () => (await rows()).length === count);

async function testEvents() {
	check('the page shows that the relay is ready', await shows('#state', 'Ready'));
	check('it counts the client', await shows('#clients', '1'));
	const title = '<b>Grüße</b> & more';
	writer.write(title);
	check('it shows an event, with its markup as text', await rowShows(title), (await rows())[0]);
	writer.write('second');
	check('it shows the newest event first', await rowShows('second'));
	check('each event has its time', (await rows()).every((row) => /^\d\d:\d\d:\d\d\.\d{3}\s/.test(row)), await rows());
	check('each event has its decision', (await rows()).every((row) => row.includes('relayed')), await rows());
	check('it shows the delivery latency', await shows('#p50', 'ms'));
	check('it shows the watch mode', (await text('#mode')) !== '–');
	await until(async () => /now 1, at most 1/.test(await text('#clients-caption')), 15_000);
	const points = await page.locator('#clients-chart polyline').getAttribute('points');
	check('it draws the number of clients over time', points.split(' ').length >= 2);
}

async function testKeyboard() {
	await page.keyboard.press('Tab');
	await page.locator('#filter input').first().focus();
	await page.keyboard.press('Space');
	check('the keyboard hides a decision', await rowCount(0));
	await page.keyboard.press('Space');
	check('the keyboard shows it again', await rowCount(2));
	const named = await page.locator('input, button').evaluateAll((all) =>
		all.every((element) => (element.labels?.[0] ?? element).textContent.trim() !== ''));
	check('every control has a name', named);
	check('the page has landmarks and headings', (await page.locator('main h2, header h1').count()) === 2);
}

async function testAppearance() {
	for (const scheme of ['light', 'dark']) {
		await page.emulateMedia({ colorScheme: scheme });
		const low = (await page.evaluate(textContrasts)).filter(({ ratio }) => ratio < 4.5);
		check(`all texts have enough contrast, ${scheme}`, low.length === 0, JSON.stringify(low));
		if (process.env.SCREENSHOTS) {
			await page.screenshot({ path: `${process.env.SCREENSHOTS}/status-${scheme}.png`, fullPage: true });
		}
	}
	await page.setViewportSize({ width: 360, height: 700 });
	const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
	check('a narrow window needs no horizontal scrolling', fits);
}

/** Returns the contrast (WCAG 2.2, 1.4.3) of every text with its background. It runs in the page. */
function textContrasts() {
	const channels = (color) => color.match(/[\d.]+/g).map(Number);
	const luminance = (color) => channels(color).slice(0, 3).map((c) => c / 255)
		.map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
		.reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
	const background = (element) => {
		for (; element; element = element.parentElement) {
			const color = getComputedStyle(element).backgroundColor;
			if ((channels(color)[3] ?? 1) > 0) return color;
		}
		return 'rgb(255, 255, 255)';
	};
	return [...document.querySelectorAll('h1, h2, p, dt, dd, th, td, caption, figcaption, legend, label, button, a')]
		.filter((element) => element.textContent.trim() !== '')
		.map((element) => {
			const colors = [getComputedStyle(element).color, background(element)];
			const [light, dark] = colors.map(luminance).sort((x, y) => y - x);
			return { text: element.textContent.trim().slice(0, 20), ratio: (light + 0.05) / (dark + 0.05) };
		});
}

async function testRestart() {
	await relay.stop('SIGKILL');
	check('the page shows that the relay does not respond', await shows('#state', 'unreachable'));
	await relay.start();
	check('the page shows that the relay is ready again', await shows('#state', 'Ready'));
}

await testEvents();
await testKeyboard();
await testAppearance();
await testRestart();
const faults = errors.filter((error) => !error.includes('ERR_')); // requests fail while the relay is down
check('the page has no script error', faults.length === 0, faults.join('; '));
check('the page loads nothing from other hosts', external.length === 0, external.join(' '));
await browser.close();
await relay.stop('SIGTERM');
finish();
