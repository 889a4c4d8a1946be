// Shows the state of the relay in the heading, the title and the icon of the page.
import { $, setText } from './dom.js';
import { clock, number } from './format.js';

export const LINK_NAMES = {
	write: 'Plugin writes', read: 'File read', decide: 'Decided', journal: 'Journal', clients: 'Clients',
};

const MARKS = { ok: '✓', warning: '!', broken: '✗', dead: '–' };

/** Returns the state of a report: ok, warning or broken. */
export function stateOf(report) {
	const states = report.links.map((link) => link.state);
	if (report.not_ready || states.includes('broken')) return 'broken';
	return states.includes('warning') ? 'warning' : 'ok';
}

/** Shows the state of a report. */
export function showState(report) {
	const state = stateOf(report);
	const broken = report.links.find((link) => link.state === state);
	const clients = `${number(report.server.clients)} ${report.server.clients === 1 ? 'client' : 'clients'}`;
	const texts = {
		ok: ['Ready', clients],
		warning: [`Ready, with a warning: ${LINK_NAMES[broken?.name]}`, `${clients}, warning`],
		broken: report.not_ready
			? [`Not ready: ${report.not_ready}`, 'not ready']
			: [`Broken at: ${LINK_NAMES[broken?.name]}`, `broken: ${LINK_NAMES[broken?.name]}`],
	};
	const [text, title] = texts[state];
	show(state, text, title);
	document.body.classList.remove('stale');
}

/** Shows that the relay does not answer. last is the time of the last report; null if there is none. */
export function showDead(last) {
	const since = last ? ` The numbers are from ${clock(last)}.` : '';
	show('dead', `The relay does not answer.${since}`, 'no answer');
	document.body.classList.add('stale');
}

function show(state, text, title) {
	setText('state', `${MARKS[state]} ${text}`, `state ${state}`);
	const full = `${MARKS[state]} ${title} – wpre-relay`;
	if (document.title !== full) document.title = full;
	const icon = `icon-${state}.svg`;
	if ($('icon').getAttribute('href') !== icon) $('icon').setAttribute('href', icon);
}
