// The status page in Chromium: status.mjs BINARY DIR. With SCREENSHOTS=DIR it leaves pictures there.
import { once } from 'node:events';
import { chromium } from 'playwright-core';
import WebSocket from 'ws';
import { Relay, Writer, check, finish, freePort, until } from '../harness.mjs';

const [, , binary, dir] = process.argv;

const admin = `127.0.0.1:${await freePort()}`;
const relay = new Relay(binary, `${dir}/status`, '--admin-listen', admin);
await relay.start();
const writer = new Writer(relay.file);
const client = new WebSocket(`ws://127.0.0.1:${relay.port}`);
await once(client, 'open');
client.on('error', () => {});

const browser = await chromium.launch({
	executablePath: '/usr/bin/chromium',
	args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
const context = await browser.newContext({ colorScheme: 'light', viewport: { width: 1100, height: 1000 } });
const page = await context.newPage();
const faults = [];
const elsewhere = [];
page.on('pageerror', (error) => faults.push(error.message));
page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
page.on('request', (request) => new URL(request.url()).host === admin || elsewhere.push(request.url()));
await page.goto(`http://${admin}/`);

const text = (selector) => page.locator(selector).innerText();
const rows = () => page.locator('#changes tr').allInnerTexts();
const shows = (selector, want) => until(async () => (await text(selector)).includes(want));

check('the page says that the relay is ready', await shows('#state', 'Ready'));
check('it counts the client', await shows('#clients', '1'));
writer.write('<b>Grüße</b> & more');
check('it shows an event, its markup as text', await until(async () => (await rows())[0]?.includes('<b>Grüße</b> & more')), (await rows())[0]);
writer.write('second');
check('the newest comes first', await until(async () => (await rows())[0]?.includes('second')));
check('each has its time', (await rows()).every((row) => /^\d\d:\d\d:\d\d\.\d{3}\s/.test(row)), await rows());
check('each has its decision', (await rows()).every((row) => row.includes('relayed')), await rows());
check('it shows how long deliveries took', await shows('#p50', 'ms'));
check('it says how the file is watched', (await text('#mode')) !== '–');

await page.keyboard.press('Tab');
await page.locator('#filter input').first().focus();
await page.keyboard.press('Space');
check('the keyboard hides a decision', await until(async () => (await rows()).length === 0));
await page.keyboard.press('Space');
check('and shows it again', await until(async () => (await rows()).length === 2));
check('every control has a name', (await page.locator('input, button').evaluateAll((all) => all.every((e) => (e.labels?.[0] ?? e).textContent.trim() !== ''))));
check('landmarks and headings are there', (await page.locator('main h2, header h1').count()) === 2);

await until(async () => /now 1, at most 1/.test(await text('#clients-caption')), 15_000);
check('it draws the clients over time', (await page.locator('#clients-chart polyline').getAttribute('points')).split(' ').length >= 2);
for (const scheme of ['light', 'dark']) {
	await page.emulateMedia({ colorScheme: scheme });
	const contrasts = await page.evaluate(contrastsOfTexts);
	check(`texts can be read, ${scheme}`, contrasts.every(({ ratio }) => ratio >= 4.5), JSON.stringify(contrasts.filter(({ ratio }) => ratio < 4.5)));
	if (process.env.SCREENSHOTS) await page.screenshot({ path: `${process.env.SCREENSHOTS}/status-${scheme}.png`, fullPage: true });
}
await page.setViewportSize({ width: 360, height: 700 });
check('a narrow window needs no scrolling to the side', await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));

/** The contrast (WCAG 2.2, 1.4.3) of every text with what is behind it. */
function contrastsOfTexts() {
	const channels = (color) => color.match(/[\d.]+/g).map(Number);
	const luminance = (color) => channels(color).slice(0, 3).map((c) => c / 255)
		.map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
		.reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (e) => {
		for (; e; e = e.parentElement) {
			const color = getComputedStyle(e).backgroundColor;
			if ((channels(color)[3] ?? 1) > 0) return color;
		}
		return 'rgb(255, 255, 255)';
	};
	return [...document.querySelectorAll('h1, h2, p, dt, dd, th, td, caption, figcaption, legend, label, button, a')]
		.filter((e) => e.textContent.trim() !== '')
		.map((e) => {
			const [a, b] = [getComputedStyle(e).color, behind(e)].map(luminance).sort((x, y) => y - x);
			return { text: e.textContent.trim().slice(0, 20), ratio: (a + 0.05) / (b + 0.05) };
		});
}

await relay.end('SIGKILL');
check('it says when the relay is gone', await shows('#state', 'does not answer'));
await relay.start();
check('and is there again when that is', await shows('#state', 'Ready'));
check('nothing went wrong on the page', faults.filter((fault) => !fault.includes('ERR_')).length === 0, faults.join('; '));
check('nothing was loaded from elsewhere', elsewhere.length === 0, elsewhere.join(' '));

await browser.close();
await relay.end('SIGTERM');
finish();
