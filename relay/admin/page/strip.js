// Shows the links from the plugin to the clients, and for each that does not work the fix and the lines to paste.
import { $, element, ifChanged, snippet } from './dom.js';
import { clock } from './format.js';
import { LINK_NAMES } from './state.js';

const WORDS = {
	ok: 'OK', waiting: 'Waiting', warning: 'Warning', broken: 'Broken', unused: 'Not used', dead: 'Unknown',
};
const MARKS = { ok: '✓', waiting: '…', warning: '!', broken: '✗', unused: '–', dead: '?' };

const RESTART = {
	name: '', state: 'dead', text: 'the relay does not answer',
	fix: 'If it does not run, start it. Its log says why it ended:',
	paste: [
		{ where: 'With systemd', lines: 'systemctl status wpre-relay\njournalctl --unit wpre-relay --lines 50' },
		{ where: 'With Docker', lines: 'docker compose ps\ndocker compose logs --tail 50 relay' },
	],
};

/** Shows the links of a report. */
export function showLinks(links) {
	ifChanged('links', links, () => {
		$('strip').replaceChildren(...links.map(item));
		$('fixes').replaceChildren(...links.filter((link) => link.fix).map(fixOf));
	});
}

/** Shows that the state of all links is unknown. */
export function showUnknownLinks() {
	ifChanged('links', null, () => {
		const names = Object.keys(LINK_NAMES);
		$('strip').replaceChildren(...names.map((name) => item({ name, state: 'dead', text: '' })));
		$('fixes').replaceChildren(fixOf(RESTART));
	});
}

function item({ name, state, text, time }) {
	return element('li', { class: `link ${state}` },
		element('span', { class: 'mark', 'aria-hidden': 'true' }, MARKS[state]),
		element('span', { class: 'name' }, LINK_NAMES[name]),
		element('span', { class: 'word' }, WORDS[state]),
		element('span', { class: 'text' }, text, time && ` at ${clock(time)}`));
}

function fixOf({ name, state, text, fix, paste }) {
	const heading = name ? `${LINK_NAMES[name]}: ${text}` : `${text[0].toUpperCase()}${text.slice(1)}`;
	return element('div', { class: `fix ${state}` },
		element('h3', {}, heading), element('p', {}, fix), (paste ?? []).map(snippet));
}
