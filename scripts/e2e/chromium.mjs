// Starts Debian's Chromium for the tests.
import { chromium } from 'playwright-core';

const ARGUMENTS = [
	'--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
	'--disable-component-update', '--disable-sync',
];

const TIMEOUT = 120_000; // ms, for each step; Playwright's 30 s are too few on a busy machine

/** Starts the browser. */
export async function launch() {
	const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGUMENTS, timeout: TIMEOUT });
	const newContext = browser.newContext.bind(browser);
	browser.newContext = async (options) => {
		const context = await newContext(options);
		context.setDefaultTimeout(TIMEOUT);
		return context;
	};
	return browser;
}
