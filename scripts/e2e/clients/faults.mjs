// Tests delivery under faults: faults.mjs BINARY DIR [RESTARTS] [SEED]. The test kills and restarts the relay at
// random moments, cuts connections and stalls clients, while it writes events all the time. Then it compares the
// events of each client with the relay's history.
import { Proxy, Relay, Writer, check, finish, pause, random, until } from '../harness.mjs';
import { ChromiumPages, EventSourceClient, PlainClient, ResumingClient } from './receivers.mjs';

const [, , binary, dir, restarts = '200', seed = String(Date.now() % 1e6)] = process.argv;
const rng = random(Number(seed));
const between = (min, max) => min + rng() * (max - min);
console.log(`seed ${seed}, ${restarts} restarts`);

const sequence = (id) => Number(id.split('-')[1]);
const posts = ({ received }) => received.map(({ event }) => event.post_id);

/** Describes the first difference between a client's events and the history after its first position. */
function firstDifference({ received, begin }, history) {
	const want = history.filter(({ id }) => sequence(id) > sequence(begin));
	for (let i = 0; i < Math.max(received.length, want.length); i++) {
		const [got, wanted] = [received[i], want[i]];
		if (got?.id !== wanted?.id || JSON.stringify(got?.event) !== JSON.stringify(wanted?.event)) {
			return `event ${i} after ${begin} is ${got?.id}, not ${wanted?.id}; ${received.length} of ${want.length}`;
		}
	}
	return '';
}

/** Describes the first event that was received twice or out of order. */
function firstDisorder(client) {
	const ids = posts(client);
	const i = ids.findIndex((id, i) => i > 0 && id <= ids[i - 1]);
	return i < 0 ? '' : `event ${i} is post ${ids[i]}, after ${ids[i - 1]}`;
}

/** Starts a relay that keeps all events, and a proxy in front of it. */
async function startRelay(name, ...flags) {
	const relay = new Relay(binary, `${dir}/${name}`, '--history', '1000000', ...flags);
	await relay.start();
	const proxy = new Proxy(relay);
	await proxy.start();
	return { relay, proxy };
}

/** Cuts connections, sometimes stalls a client, and restarts the relay. Returns the signal that stopped it. */
async function injectFaults(relay, proxy, stallable, signals) {
	for (let cuts = Math.floor(rng() * 3); cuts > 0; cuts--) {
		await pause(between(10, 80));
		proxy.cut(rng(), rng() < 0.5 ? 0 : Math.ceil(between(1, 400)), rng);
	}
	if (rng() < 0.1) stallable[Math.floor(rng() * stallable.length)].stall(between(100, 1500));
	await pause(between(10, 150));
	const signal = signals[Math.floor(rng() * signals.length)];
	await relay.stop(signal);
	if (rng() < 0.3) await pause(between(0, 100)); // otherwise clients may not notice that the relay was down
	await relay.start();
	return signal;
}

/** Clients with positions must receive each event once and in order; plain clients nothing twice or late. */
async function testRestarts() {
	const { relay, proxy } = await startRelay('resuming');
	const begin = (await relay.history('limit=1')).next;
	const resuming = [1, 2, 3].map(() => new ResumingClient(proxy, () => between(0, 60)));
	const sources = [1, 2].map(() => new EventSourceClient(proxy, begin));
	// A plain client gets the events of the relay's downtime once, if the relay has seen its previous connection end. The
	// shortest wait leaves the relay time for that; the plugin's page waits 5 s.
	const plain = [100, 300, 5000].map((wait) => new PlainClient(proxy, wait));
	const pages = new ChromiumPages();
	await pages.start(proxy, begin);
	await until(() => resuming.every((client) => client.begin));
	const writer = new Writer(relay.file);
	writer.start(rng);
	const counts = { SIGKILL: 0, SIGTERM: 0, SIGINT: 0 };
	const signals = ['SIGKILL', 'SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGINT'];
	for (let i = 0; i < Number(restarts); i++) counts[await injectFaults(relay, proxy, resuming, signals)]++;
	writer.stop();

	const history = await settledHistory(relay, writer);
	const withPositions = async () => [...resuming, ...sources, ...(await pages.read())];
	const last = history.at(-1).id;
	await until(async () => (await withPositions()).every(({ received }) => received.at(-1)?.id === last), 60_000);
	for (const client of await withPositions()) {
		const difference = firstDifference(client, history);
		check(`${client.name}: each event exactly once, in order`, difference === '', difference);
		check(`${client.name}: no gap`, client.gaps.length === 0, JSON.stringify(client.gaps[0]));
	}
	for (const client of plain) {
		const disorder = firstDisorder(client);
		check(`${client.name}, reconnects after ${client.wait} ms: no event twice or late`, disorder === '', disorder);
	}
	check('plain clients receive events', plain.every(({ received }) => received.length > 0));
	const connections = [...resuming, ...sources, ...plain].map(({ connections }) => connections).join(' ');
	console.table({ ...counts, written: writer.count, relayed: history.length, connections });
	for (const client of [...resuming, ...sources, ...plain]) client.close();
	await pages.close();
	await relay.stop('SIGTERM');
}

/**
 * Pages that have only a cookie must receive each event once and in order, across cuts and graceful restarts. The
 * faults happen when every tab has received the newest event, except restarts if a browser has one tab: the relay
 * then knows the tab's last event. After a cut it does not know whether the last event arrived, and the tabs of one
 * browser share the cookie, so that it cannot tell which tab has received an event that was in transit.
 */
async function testCookies(browsers, tabsPerBrowser) {
	const { relay, proxy } = await startRelay(`cookies-${tabsPerBrowser}`, '--resume-cookie');
	const tabs = [];
	for (let browser = 0; browser < browsers; browser++) {
		const jar = {};
		for (let tab = 0; tab < tabsPerBrowser; tab++) {
			const page = new PlainClient(proxy, 400, jar);
			tabs.push(page);
			await until(() => page.connections > 0);
		}
	}
	const writer = new Writer(relay.file);
	writer.start(rng, 20, 60);
	for (let i = 0; i < Math.ceil(Number(restarts) / 20); i++) {
		await reconnected(tabs, i);
		await pause(between(50, 500));
		const restart = i % 2 === 1;
		const inTransit = restart && tabsPerBrowser === 1;
		if (!inTransit) {
			writer.stop();
			await until(() => tabs.every((tab) => posts(tab).at(-1) === writer.count));
		}
		if (restart) {
			await relay.stop('SIGTERM');
			await relay.start();
		} else {
			proxy.cut(1, 0, rng);
		}
		if (!inTransit) writer.start(rng, 20, 60);
	}
	writer.stop();
	const history = posts({ received: await settledHistory(relay, writer) });
	await until(() => tabs.every((tab) => posts(tab).at(-1) === history.at(-1)));
	for (const tab of tabs) {
		const name = `${tab.name}, ${tabsPerBrowser} per browser`;
		const disorder = firstDisorder(tab);
		check(`${name}: no event twice or late`, disorder === '', disorder);
		const missing = history.find((id) => !posts(tab).includes(id));
		const what = `${name}: all ${history.length} events over ${tab.connections} connections`;
		check(what, missing === undefined, `post ${missing}`);
	}
	for (const tab of tabs) tab.close();
	await relay.stop('SIGTERM');
}

/** Waits until every tab has reconnected after this number of faults and has then received an event. */
async function reconnected(tabs, faults) {
	await until(() => tabs.every((tab) => tab.connections > faults && tab.receivedSinceConnect));
}

/** Waits until the relay has the last event that was written, and returns its history. */
async function settledHistory(relay, writer) {
	await until(async () => (await relay.history('limit=1')).events[0]?.event.post_id === writer.count);
	return relay.allEvents();
}

await testRestarts();
await testCookies(4, 1);
await testCookies(2, 2);
finish();
