#!/usr/bin/env node
// Writes demo.png, the picture in the README: the demo's output beside its page, in Chromium.
//   npm ci --prefix scripts/e2e && node scripts/docs/screenshot.mjs
// It needs Go and Debian's Chromium. It builds the relay and uses free ports of the loopback interface.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { launch } from '../e2e/chromium.mjs';

const EVENTS = 4;
const root = new URL('../..', import.meta.url).pathname;

const freePort = () => new Promise((resolve) => {
	const server = createServer().listen(0, '127.0.0.1', () => {
		const { port } = server.address();
		server.close(() => resolve(port));
	});
});

// view returns a document with an empty terminal and, beside it, the page.
const view = (address) => `<!doctype html><meta charset="utf-8"><style>
	body { margin: 0; display: flex; height: 100vh; background: #fff }
	pre { margin: 0; padding: 1.5rem 1rem; width: 29rem; box-sizing: border-box; background: #1e2430; color: #d8dee9;
		font: 12px/1.5 monospace; white-space: pre-wrap }
	iframe { flex: 1; border: 0 }
	</style><pre></pre><iframe src="${address}"></iframe>`;

// terminal returns the demo's output with the newest events. A zero-width space lets a line break after a comma.
const terminal = (lines) => ['$ go run . demo', ...lines.slice(-EVENTS)].join('\n\n').replaceAll(',', ',\u200b');

const work = mkdtempSync(join(tmpdir(), 'wpre-screenshot-'));
const binary = join(work, 'wpre-relay');
execFileSync('go', ['build', '-o', binary, '.'], { cwd: root, stdio: 'inherit' });
const address = `127.0.0.1:${await freePort()}`;
const arguments_ = ['demo', '--every', '1s', '--listen', `127.0.0.1:${await freePort()}`, '--page-listen', address];
const demo = spawn(binary, arguments_, { stdio: ['ignore', 'pipe', 'ignore'] });
const browser = await launch();
await new Promise((resolve) => demo.stdout.once('readable', resolve));
try {
	const page = await browser.newPage({ viewport: { width: 960, height: 388 } });
	await page.setContent(view(`http://${address}`));
	const lines = [];
	for await (const line of createInterface({ input: demo.stdout })) {
		if (line.startsWith('after')) lines.push(line);
		if (await page.frameLocator('iframe').locator('li').count() >= EVENTS && lines.length >= EVENTS) break;
	}
	await page.frameLocator('iframe').getByText(`no. ${lines.length}`).waitFor();
	await page.evaluate((text) => { document.querySelector('pre').textContent = text; }, terminal(lines));
	await page.screenshot({ path: new URL('demo.png', import.meta.url).pathname });
} finally {
	demo.kill();
	await browser.close();
	rmSync(work, { recursive: true });
}
