// Starts Debian's Firefox for the tests.
import puppeteer from 'puppeteer-core';

export const launch = () => puppeteer.launch({
	browser: 'firefox', executablePath: '/usr/bin/firefox-esr', acceptInsecureCerts: true, timeout: 120_000,
});
