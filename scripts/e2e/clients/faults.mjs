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
	const plain = [10, 300, 5000].map((wait) => new PlainClient(proxy, wait));
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

/** Pages that have only a cookie must receive each event once and in order, across graceful restarts and cuts. */
async function testCookies() {
	const { relay, proxy } = await startRelay('cookies', '--resume-cookie');
	const tabs = [];
	for (const jar of [{}, {}]) {
		for (let tab = 0; tab < 2; tab++) {
			const page = new PlainClient(proxy, 400, jar);
			tabs.push(page);
			await until(() => page.connections > 0);
		}
	}
	const writer = new Writer(relay.file);
	writer.start(rng, 20, 60);
	const faults = Math.ceil(Number(restarts) / 10);
	for (let i = 0; i < faults; i++) {
		await pause(between(450, 900)); // the pages reconnect within 400 ms and then receive some events
		if (i % 2 === 0) {
			// No event may be in transit during the cut: a cookie does not tell which tab of a browser has received
			// it.
			writer.stop();
			await until(async () => {
				const { events: [newest] } = await relay.history('last=1');
				return tabs.every((tab) => tab.received.at(-1)?.event.post_id === newest.event.post_id);
			});
			proxy.cut(1, 0, rng);
			writer.start(rng, 20, 60);
		} else {
			await relay.stop('SIGTERM');
			await relay.start();
		}
	}
	writer.stop();
	const history = posts({ received: await settledHistory(relay, writer) });
	await until(() => tabs.every((tab) => posts(tab).at(-1) === history.at(-1)));
	for (const tab of tabs) {
		const disorder = firstDisorder(tab);
		check(`${tab.name}: no event twice or late`, disorder === '', disorder);
		const missing = history.find((id) => !posts(tab).includes(id));
		const what = `${tab.name}: all ${history.length} events over ${tab.connections} connections`;
		check(what, missing === undefined, `post ${missing}`);
	}
	for (const tab of tabs) tab.close();
	await relay.stop('SIGTERM');
}

/** Waits until the relay has the last event that was written, and returns its history. */
async function settledHistory(relay, writer) {
	await until(async () => (await relay.history('limit=1')).events[0]?.event.post_id === writer.count);
	return relay.allEvents();
}

await testRestarts();
await testCookies();
finish();
