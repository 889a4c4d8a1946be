// Sees what becomes of saves: what WordPress attempted, what the plugin wrote, what arrived, and what the relay says is lost.
import { check } from '../harness.mjs';
import { missing } from './pages.mjs';
import { Growth } from './site.mjs';

const BARRIER = 'barrier ';

/** Tells saves apart: no two of a run are equal in this. */
export const identity = ({ post_id, post_title, status, is_update }) => JSON.stringify([post_id, post_title, status, is_update]);

/** Reports whether a line's number is the next after another's. */
const follows = (id, before) => Number(id.split('-')[1]) === Number(before.split('-')[1]) + 1;

const isBarrier = ({ post_title }) => post_title?.startsWith(BARRIER) ?? false;

export class Observer {
	receivers = []; // pages and clients, each with events and has(title)
	#notes = []; // of the witness
	#barriers = 0;

	constructor(site, relay, admin) {
		this.site = site;
		this.relay = relay;
		this.admin = admin;
		[this.post] = site.posts(1, BARRIER);
		this.growth = new Growth(`${site.work}/notes/saves`);
	}

	/** Returns how many saves with this word in their titles are noted as attempted, or written. */
	count(what, word) {
		this.#notes.push(...this.growth.lines().map((line) => JSON.parse(line)));
		return this.#notes.filter((note) => note.what === what && note.post_title.includes(word)).length;
	}

	/**
	 * Waits until all that was saved before has arrived or is lost, and is counted. A save that comes alone is not lost; when
	 * all receivers have it, they have what came before it. When they have a second one, the relay has seen the end of the first.
	 */
	async settle() {
		for (let time = 1; time <= 2; time++) {
			const title = `${BARRIER}${++this.#barriers}`;
			const { ok, status } = await this.admin.quickEdit(this.post, title);
			if (!ok) throw new Error(`a save alone fails with ${status}`);
			const late = await missing(this.receivers, title);
			if (late.length > 0) throw new Error(`${late.length} of ${this.receivers.length} do not get a save alone`);
		}
	}

	/** Runs something that saves posts, and returns what became of them. What the relay counted, it counted since it started last. */
	async observe(run) {
		await this.settle();
		this.count();
		this.#notes = [];
		const marks = this.receivers.map(({ events }) => events.length);
		const last = this.site.outbox().at(-1)?.id;
		const { starts } = this.relay;
		const before = await this.relay.decisions();
		const outcome = await run();
		await this.settle();
		this.count();
		const after = await this.relay.decisions();
		const notes = (what) => this.#notes.filter((note) => note.what === what && !isBarrier(note));
		const events = (messages, from) => messages.slice(from).map(({ event }) => event).filter((event) => !isBarrier(event));
		const outbox = this.site.outbox();
		const since = (decision) => after[decision] - (this.relay.starts === starts ? before[decision] : 0);
		return {
			...outcome,
			attempted: notes('attempted'),
			written: notes('written'),
			outbox: events(outbox, outbox.findLastIndex(({ id }) => id === last) + 1),
			numbered: outbox.every(({ id }, i) => i === 0 || follows(id, outbox[i - 1].id)),
			received: this.receivers.map((receiver, i) => events(receiver.events, marks[i])),
			counted: Object.fromEntries(Object.keys(after).map((decision) => [decision, since(decision)])),
		};
	}
}

/**
 * Checks what became of saves, and returns the cells of the table. companion says that all of them had the companion; parallel,
 * that they were several at once; dies, that the plugin does not survive them by itself; uncounted, that the relay was ended.
 */
export function judge(name, seen, { companion = false, parallel = false, dies = false, uncounted = false, tolerance = 0 }) {
	const expect = (what, ok, detail) => check(`${name}: ${what}`, ok, detail);
	const { attempted, written, outbox, received, counted } = seen;
	const attempts = new Map(attempted.map((note) => [identity(note), note]));
	const [first] = received;
	const lost = written.length - first.length;
	for (const [what, ok] of Object.entries(seen.checks ?? {})) expect(what, ok);
	expect(`at least ${seen.saves} saves`, attempted.length >= seen.saves, attempted.length);
	expect('no two are equal', attempts.size === attempted.length, `${attempts.size} of ${attempted.length}`);
	expect('each message is a whole event that was attempted', received.flat().every((event) => isWhole(event, attempts.get(identity(event)))));
	expect('none comes twice', received.every((events) => new Set(events.map(identity)).size === events.length));
	expect('all receivers get the same', received.every((events) => JSON.stringify(events) === JSON.stringify(first)), received.map(({ length }) => length).join());
	expect('in the order of the saves', parallel ? inOrderOfEachWorker(first) : inOrder(first, attempted));
	if (companion) {
		expect('the plugin writes each event', written.length === attempted.length, `${written.length} of ${attempted.length}`);
		expect('each event arrives', first.length === attempted.length, `${first.length} of ${attempted.length}`);
		expect('the order is the outbox\'s', JSON.stringify(first) === JSON.stringify(outbox), `${outbox.length} lines`);
		expect('which numbers its lines', seen.numbered);
		expect('none is counted as overwritten', counted.overwritten === 0, counted.overwritten);
	} else {
		if (dies) expect('the plugin dies', written.length < attempted.length && lost >= 0, `${written.length} of ${attempted.length} written`);
		if (!uncounted) {
			const off = tolerance && 2 + Math.ceil(written.length * tolerance); // A few saves may miss by two.
			expect(`of ${written.length} written ${lost} are lost, and ${counted.overwritten} counted`, Math.abs(lost - counted.overwritten) <= off, `more than ${off} off`);
		}
	}
	return { attempted: attempted.length, written: written.length, received: first.length, overwritten: uncounted ? '–' : counted.overwritten };
}

/** Reports whether an event is all that the plugin writes of a save. */
function isWhole(event, note) {
	const { timestamp, type } = event;
	const KEYS = 'timestamp,type,post_id,post_title,status,is_update';
	return note && Object.keys(event).join().startsWith(KEYS) && type === 'post_saved' && timestamp >= note.time && timestamp <= note.time + 60;
}

/** Reports whether events come in the order of the attempts. */
function inOrder(events, attempted) {
	const places = new Map(attempted.map((note, place) => [identity(note), place]));
	return ascend(events.map((event) => places.get(identity(event))));
}

/** Reports whether each worker's saves come in their order, by their titles. */
export function inOrderOfEachWorker(events) {
	const numbers = new Map();
	for (const { post_title } of events) {
		const [, worker, n] = / w(\d+) n(\d+)/.exec(post_title);
		numbers.set(worker, [...(numbers.get(worker) ?? []), Number(n)]);
	}
	return [...numbers.values()].every(ascend);
}

const ascend = (numbers) => numbers.every((n, i) => i === 0 || n > numbers[i - 1]);
