#!/usr/bin/env node
// Writes demo.png, the picture in the README: the demo's page in Chromium, after a few posts. With DIR it saves
// light.png, dark.png, mobile.png and empty.png there instead.
//   npm ci --prefix scripts/e2e && node scripts/docs/screenshot.mjs [DIR]
// It needs Go and Debian's Chromium. It builds the relay and uses free ports of the loopback interface.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { launch } from '../e2e/chromium.mjs';
import { freePort, pause, until } from '../e2e/harness.mjs';

const root = new URL('../..', import.meta.url).pathname;
const SETTLED = 3000; // ms until the page has compared the clocks often enough

const LARGE = { width: 1040, height: 800 };
const VIEWS = {
	empty: { viewport: LARGE, posts: [] },
	light: { viewport: LARGE },
	dark: { viewport: LARGE, colorScheme: 'dark' },
	mobile: { viewport: { width: 360, height: 740 } },
};
const POSTS = [
	['Open house on Saturday', 'publish'], ['Draft of the summer menu', 'draft'], ['We are hiring two bakers', 'publish'],
	['New menu for autumn', 'publish'],
];

/** Saves a post with the form and waits until the relay has decided about it. */
async function save(page, title, status) {
	await page.getByLabel('Title').fill(title);
	await page.getByLabel('Status').selectOption(status);
	await page.getByRole('button', { name: 'Save post' }).click();
	await until(async () => (await page.locator('#newest').innerText()).includes(title));
	await pause(500);
}

/** Saves a picture of the page in a view. */
async function shoot(browser, address, { posts = POSTS, ...options }, path) {
	const context = await browser.newContext({ colorScheme: 'light', ...options });
	const page = await context.newPage();
	await page.goto(address);
	await pause(SETTLED);
	for (const [title, status] of posts) await save(page, title, status);
	await page.mouse.move(0, 0);
	await page.screenshot({ path, fullPage: true });
	await context.close();
}

const work = mkdtempSync(join(tmpdir(), 'wpre-screenshot-'));
const binary = join(work, 'wpre-relay');
execFileSync('go', ['build', '-o', binary, '.'], { cwd: root, stdio: 'inherit' });
const address = async () => `127.0.0.1:${await freePort()}`;
const flags = ['--listen', await address(), '--page-listen', await address(), '--admin-listen', await address()];
const demo = spawn(binary, ['demo', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
const browser = await launch();
try {
	const [line] = await once(createInterface({ input: demo.stdout }), 'line');
	const url = line.replace('wpre-relay demo: ', '');
	const [, , dir] = process.argv;
	if (!dir) await shoot(browser, url, VIEWS.light, new URL('demo.png', import.meta.url).pathname);
	else for (const name in VIEWS) await shoot(browser, url, VIEWS[name], join(dir, `${name}.png`));
} finally {
	demo.kill('SIGINT');
	await browser.close();
	rmSync(work, { recursive: true });
}
