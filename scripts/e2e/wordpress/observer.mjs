// Observes saves of posts: what WordPress attempted, what the plugin wrote, what arrived, and what the relay counted.
import { check } from '../harness.mjs';
import { missing } from './pages.mjs';
import { GrowingFile } from './site.mjs';

const MARKER = 'marker '; // the titles of the saves that settle makes begin with this

/** Identifies a save. No two saves of a run are equal in these fields. */
export const identity = ({ post_id, post_title, status, is_update }) =>
	JSON.stringify([post_id, post_title, status, is_update]);

const sequence = (id) => Number(id.split('-')[1]);
const isMarker = ({ post_title }) => post_title?.startsWith(MARKER) ?? false;
const isConsecutive = (lines) =>
	lines.every(({ id }, i) => i === 0 || sequence(id) === sequence(lines[i - 1].id) + 1);
const isAscending = (numbers) => numbers.every((n, i) => i === 0 || n > numbers[i - 1]);

export class Observer {
	receivers = []; // pages and clients, each with events and has(title)
	#records = []; // of save-recorder.php
	#markers = 0;

	constructor(site, relay, admin) {
		this.site = site;
		this.relay = relay;
		this.admin = admin;
		[this.post] = site.posts(1, MARKER);
		this.recorded = new GrowingFile(`${site.work}/notes/saves`);
	}

	/** Returns the number of saves, attempted or written, with this word in their titles. */
	count(stage, word) {
		this.#records.push(...this.recorded.newLines().map((line) => JSON.parse(line)));
		return this.#records.filter((record) => record.stage === stage && record.post_title.includes(word)).length;
	}

	/**
	 * Waits until all earlier events have arrived or are lost, and are counted. A save without concurrent saves is
	 * never lost: when all receivers have its event, they have all earlier ones. When they have the event of a second
	 * such save, the relay has also counted the changes of the file before it.
	 */
	async settle() {
		for (let time = 1; time <= 2; time++) {
			const title = `${MARKER}${++this.#markers}`;
			const { ok, status } = await this.admin.quickEdit(this.post, title);
			if (!ok) throw new Error(`a single save fails with status ${status}`);
			const late = await missing(this.receivers, title);
			if (late.length > 0) {
				throw new Error(`${late.length} of ${this.receivers.length} do not receive a single save`);
			}
		}
	}

	/** Runs a function that saves posts and returns what happened to the saves. */
	async observe(run) {
		await this.settle();
		this.count();
		this.#records = [];
		const marks = this.receivers.map(({ events }) => events.length);
		const lines = new Set(this.site.folders().flatMap((folder) => this.site.outbox(folder)).map(({ id }) => id));
		const { starts } = this.relay;
		const before = await this.relay.decisions();
		const outcome = await run();
		await this.settle();
		this.count();
		const after = await this.relay.decisions();
		const records = (stage) => this.#records.filter((record) => record.stage === stage && !isMarker(record));
		const events = (messages, from) =>
			messages.slice(from).map(({ event }) => event).filter((event) => !isMarker(event));
		const outboxes = this.site.folders().map((folder) => this.site.outbox(folder));
		// A restarted relay counts from 0.
		const since = (decision) => after[decision] - (this.relay.starts === starts ? before[decision] : 0);
		return {
			...outcome,
			attempted: records('attempted'),
			written: records('written'),
			outboxes: outboxes.map((outbox) => events(outbox.filter(({ id }) => !lines.has(id)), 0)),
			consecutive: outboxes.every(isConsecutive),
			received: this.receivers.map((receiver, i) => events(receiver.events, marks[i])),
			counted: Object.fromEntries(Object.keys(after).map((decision) => [decision, since(decision)])),
		};
	}
}

/**
 * Checks the result of observe and returns the cells of the table. Options: companion: all saves had the companion.
 * parallel: there were concurrent saves. fails: the plugin fails in this context without the companion. uncounted:
 * the relay was stopped, so that its counts are incomplete. tolerance: the allowed error of its estimate. unordered:
 * the events were in several folders, which have no common order; only the order of each outbox is checked.
 */
export function judge(name, seen, options) {
	const { companion = false, parallel = false } = options;
	const expect = (what, ok, detail) => check(`${name}: ${what}`, ok, detail);
	const { attempted, written, received, counted } = seen;
	const attempts = new Map(attempted.map((record) => [identity(record), record]));
	const [first] = received;
	for (const [what, ok] of Object.entries(seen.checks ?? {})) expect(what, ok);
	expect(`at least ${seen.saves} saves`, attempted.length >= seen.saves, attempted.length);
	expect('no two saves are equal', attempts.size === attempted.length, `${attempts.size} of ${attempted.length}`);
	const whole = received.flat().every((event) => isComplete(event, attempts.get(identity(event))));
	expect('each message is the complete event of a save', whole);
	const once = received.every((events) => new Set(events.map(identity)).size === events.length);
	expect('no event arrives twice', once);
	const same = received.every((events) => JSON.stringify(events) === JSON.stringify(first));
	expect('all receivers get the same events', same, received.map(({ length }) => length).join());
	const ordered = parallel ? inOrderOfEachWorker(first) : inOrder(first, attempted);
	if (!options.unordered) expect('events arrive in the order of the saves', ordered);
	if (companion) judgeCompanion(expect, seen);
	else judgePlugin(expect, seen, options);
	return {
		attempted: attempted.length,
		written: written.length,
		received: first.length,
		overwritten: options.uncounted ? '–' : counted.overwritten,
	};
}

/** Checks saves with the companion: no event is lost. */
function judgeCompanion(expect, { attempted, written, outboxes, consecutive, received: [first], counted }) {
	const all = attempted.length;
	expect('the plugin writes each event', written.length === all, `${written.length} of ${all}`);
	expect('each event arrives', first.length === all, `${first.length} of ${all}`);
	const lines = outboxes.map(({ length }) => length);
	const sameOrder = outboxes.every((outbox) => JSON.stringify(outbox) === JSON.stringify(eventsOf(outbox, first)));
	expect('events arrive in the order of each outbox', sameOrder, `${lines.join()} lines`);
	expect('each event is in one outbox', lines.reduce((sum, n) => sum + n, 0) === first.length, `${lines.join()} lines`);
	expect('the lines of the outbox are numbered consecutively', consecutive);
	expect('no event is counted as overwritten', counted.overwritten === 0, counted.overwritten);
}

/** Checks saves without the companion: the relay counts the lost events. */
function judgePlugin(expect, { attempted, written, received: [first], counted }, { fails, uncounted, tolerance = 0 }) {
	const lost = written.length - first.length;
	if (fails) {
		const detail = `${written.length} of ${attempted.length} written`;
		expect('the plugin fails', written.length < attempted.length && lost >= 0, detail);
	}
	if (uncounted) return;
	const allowed = tolerance && 2 + Math.ceil(written.length * tolerance);
	const what = `of ${written.length} written events ${lost} are lost, and ${counted.overwritten} are counted`;
	expect(what, Math.abs(lost - counted.overwritten) <= allowed, `more than ${allowed} off`);
}

/** Reports whether an event has everything that the plugin writes for this save. */
function isComplete(event, record) {
	const { timestamp, type } = event;
	const KEYS = 'timestamp,type,post_id,post_title,status,is_update';
	return record && Object.keys(event).join().startsWith(KEYS) && type === 'post_saved' &&
		timestamp >= record.time && timestamp <= record.time + 60;
}

/** Returns the events that have a line in the outbox. */
function eventsOf(outbox, events) {
	const identities = new Set(outbox.map(identity));
	return events.filter((event) => identities.has(identity(event)));
}

/** Reports whether events are in the order of the attempts. */
function inOrder(events, attempted) {
	const places = new Map(attempted.map((record, place) => [identity(record), place]));
	return isAscending(events.map((event) => places.get(identity(event))));
}

/** Reports whether the events of each worker are in order, by the numbers in their titles. */
function inOrderOfEachWorker(events) {
	const numbers = new Map();
	for (const { post_title } of events) {
		const [, worker, n] = / w(\d+) n(\d+)/.exec(post_title);
		numbers.set(worker, [...(numbers.get(worker) ?? []), Number(n)]);
	}
	return [...numbers.values()].every(isAscending);
}
