// Tests the demo's page in Chromium.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { check, freePort, until } from '../harness.mjs';
import { violations } from './axe.mjs';

const STEPS = ['written', 'read', 'decided', 'journal', 'browsers'];

/** Opens the page of a demo, saves posts, and checks what the page shows. */
export async function testDemo(browser, binary) {
	const address = async () => `127.0.0.1:${await freePort()}`;
	const flags = ['--listen', await address(), '--admin-listen', await address(), '--page-listen', await address()];
	const demo = spawn(binary, ['demo', ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
	const ended = once(demo, 'close');
	let log = '';
	demo.stderr.on('data', (text) => (log += text));
	const [line] = await once(createInterface({ input: demo.stdout }), 'line');
	const page = await (await browser.newContext({ viewport: { width: 360, height: 740 } })).newPage();
	const errors = [];
	page.on('pageerror', (error) => errors.push(error.message));
	page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
	await page.goto(line.replace('wpre-relay demo: ', ''));
	await testSteps(page);
	await testDraft(page);
	const fits = await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
	check('demo: a narrow window needs no horizontal scrolling', fits);
	for (const colorScheme of ['light', 'dark']) {
		await page.emulateMedia({ colorScheme });
		const found = await violations(page);
		check(`demo: axe finds nothing, ${colorScheme}`, found.length === 0, found.join('; '));
	}
	check('demo: no script error', errors.length === 0, errors.join('; '));
	await page.context().close();
	demo.kill('SIGINT');
	const [code] = await ended;
	check('demo: ends on Ctrl-C without a log', code === 0 && log === '', `${code}, ${log}`);
}

/** Saves a post with the keyboard and checks the steps. */
async function testSteps(page) {
	const compared = until(async () => (await page.locator('#clock').textContent()).includes('±'));
	const connected = until(async () => (await page.locator('#connection').innerText()).includes('WebSocket'));
	check('demo: the page is connected', (await connected) && (await compared));
	const title = '<b>Grüße</b> & more';
	await page.getByLabel('Title').fill(title);
	await page.keyboard.press('Enter');
	const time = async (step) => parseFloat(await page.locator(`#${step} .time`).innerText());
	const times = () => Promise.all(STEPS.map(time));
	const measured = await until(async () => (await times()).every((ms) => ms > 0) && (await times()));
	check('demo: all steps have a time', measured, await times());
	const [, read, decided, journal] = measured ?? [];
	check('demo: the steps are in order', read <= decided && decided <= journal, measured);
	const shown = await page.locator('#realtime-event-log li').first().innerText();
	check('demo: the log shows the post, with its markup as text', shown.includes(title), shown);
}

/** Saves a draft, which visitors do not see. */
async function testDraft(page) {
	await page.getByLabel('Status').selectOption('draft');
	await page.getByRole('button', { name: 'Save post' }).click();
	const held = await until(async () => (await page.locator('#decided .detail').innerText()).includes('filtered'));
	check('demo: a draft is filtered', held && (await page.locator('#realtime-event-log li').count()) === 1);
	const reported = await until(async () => (await page.locator('#result').innerText()).includes('not public'));
	check('demo: the form reports it', reported);
}
