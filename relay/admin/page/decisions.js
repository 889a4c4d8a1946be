// Shows the decisions about changes, which can be searched, filtered and paged. Each row opens details.
import { $, element, row, setChildren, setText } from './dom.js';
import { number, preciseClock } from './format.js';
import { fetchWithToken, hasToken, onToken } from './token.js';

const DECISIONS = ['relayed', 'torn', 'duplicate', 'filtered', 'invalid', 'overwritten'];
const KEPT = 1000; // rows that the relay keeps
const PAGE = matchMedia('(max-width: 40rem)').matches ? 10 : 25; // rows shown at once
const COLUMNS = 7;

let changes = []; // newest first
let newest = 0;
let first = 0; // index of the first row shown
let paused = false;
let meanings = {};
const shown = new Set(DECISIONS);
const rows = new Map(); // the nodes of rows by number: {row, details}

/** Sets the explanations of decisions. */
export function setDecisionMeanings(decisions) { meanings = decisions; }

/** Shows the number of each decision. */
export function showDecisionCounts(counts) {
	for (const decision of DECISIONS) setText(`count-${decision}`, `(${number(counts[decision])})`);
}

/** Adds changes, oldest first. */
export function addChanges(more) {
	if (more[0].number <= newest) { // the relay has restarted, or the page has connected again
		changes = [];
		rows.clear();
	}
	newest = more.at(-1).number;
	changes = [...more.reverse(), ...changes].slice(0, KEPT);
	for (const number of rows.keys()) if (number <= newest - KEPT) rows.delete(number);
	if (!paused) show();
}

export function startDecisions() {
	for (const decision of DECISIONS) {
		const box = element('input', { type: 'checkbox', checked: true, change: () => {
			if (box.checked) shown.add(decision);
			else shown.delete(decision);
			restart();
		} });
		$('filter').append(element('label', {}, box, ` ${decision} `, element('span', { id: `count-${decision}` })));
	}
	$('search').addEventListener('input', restart);
	$('pause').addEventListener('click', () => {
		paused = !paused;
		$('pause').setAttribute('aria-pressed', paused);
		show();
	});
	$('newer').addEventListener('click', () => page(-PAGE));
	$('older').addEventListener('click', () => page(PAGE));
	document.addEventListener('visibilitychange', show);
	onToken(() => {
		for (const { details, change } of rows.values()) if (details) fill(details, change);
	});
	show();
}

function restart() {
	first = 0;
	show();
}

function page(by) {
	first = Math.max(0, first + by);
	show();
}

function matches(change, words) {
	const { number, decision, type, post_id, status, title, reason } = change;
	const text = [number, decision, type, post_id, status, title, reason].join(' ').toLowerCase();
	return words.every((word) => text.includes(word));
}

function show() {
	if (document.hidden) return;
	const words = $('search').value.toLowerCase().split(/\s+/).filter(Boolean);
	const found = changes.filter((change) => shown.has(change.decision) && matches(change, words));
	first = Math.min(first, Math.max(0, Math.floor((found.length - 1) / PAGE) * PAGE));
	const part = found.slice(first, first + PAGE);
	const nodes = part.flatMap((change) => {
		const { row, details } = rowOf(change);
		return details ? [row, details] : [row];
	});
	const none = changes.length ? 'No change matches.' : 'No change since the relay started.';
	setChildren($('changes'), nodes.length ? nodes : [row([element('em', {}, none)], { class: 'none' })]);
	if (!nodes.length) $('changes').firstElementChild.firstElementChild.colSpan = COLUMNS;
	setText('rows', found.length ? `${first + 1}–${first + part.length} of ${number(found.length)}` : '0 rows');
	const kept = `The relay keeps the last ${number(KEPT)} of ${number(newest)} rows.`;
	setText('rows-kept', changes.length < newest ? kept : '');
	$('newer').disabled = first === 0;
	$('older').disabled = first + PAGE >= found.length;
}

function rowOf(change) {
	const known = rows.get(change.number);
	if (known) return known;
	const time = preciseClock(change.time);
	const button = element('button', {
		type: 'button', class: 'open', 'aria-expanded': 'false', 'aria-label': `${time}, details of change ${change.number}`,
		click: () => toggle(change, button),
	}, time);
	const node = row([
		button,
		{ class: change.decision, text: change.decision + (change.writes > 1 ? ` × ${number(change.writes)}` : '') },
		{ class: 'wide', text: change.type },
		{ class: 'wide', text: String(change.post_id ?? '') },
		{ class: 'wide', text: change.status },
		{ class: 'long', text: change.reason || change.title },
		{ class: 'number wide', text: change.bytes ? number(change.bytes) : '' },
	]);
	const made = { row: node, change };
	rows.set(change.number, made);
	return made;
}

function toggle(change, button) {
	const open = rows.get(change.number);
	button.setAttribute('aria-expanded', open.details ? 'false' : 'true');
	if (open.details) {
		delete open.details;
	} else {
		open.details = element('tr', { class: 'details' }, element('td', { colspan: COLUMNS }));
		fill(open.details, change);
	}
	show();
}

/** Shows all fields of a change, the meaning of its decision, and its payload. */
async function fill(details, change) {
	const meaning = meanings[change.decision] ?? {};
	const fields = { number: change.number, type: change.type, post: change.post_id, status: change.status,
		bytes: change.bytes };
	const payload = element('div', {});
	details.firstElementChild.replaceChildren(
		element('p', {}, element('strong', {}, change.decision), `: ${meaning.text ?? ''}. ${meaning.fix ?? ''}`),
		element('p', { class: 'note' }, Object.entries(fields).filter(([, value]) => value)
			.map(([name, value]) => `${name} ${value}`).join(', ')),
		payload);
	payload.replaceChildren(...await payloadOf(change));
}

async function payloadOf(change) {
	if (!change.document) return [element('p', {}, 'The relay does not keep this payload.')];
	if (!hasToken()) {
		const go = () => $('token').focus();
		return [element('p', {}, 'The payload needs the publish token. ',
			$('token-form').hidden ? '' : element('button', { type: 'button', click: go }, 'Enter it'))];
	}
	try {
		const response = await fetchWithToken(`api/decisions/${change.number}`);
		const text = await response.text();
		if (!response.ok) return [element('p', {}, text)];
		return [element('pre', { tabindex: 0, 'aria-label': 'Payload' }, JSON.stringify(JSON.parse(text), null, 2))];
	} catch {
		return [element('p', {}, 'The relay does not answer.')];
	}
}
