// Shows rejected and closed connections with the meaning of their reasons, and the watch and the broker.
import { $, element, ifChanged, row, snippet } from './dom.js';
import { number } from './format.js';

let meanings = { rejected: {}, closed: {} };

/** Sets the explanations of labels. */
export function setConnectionMeanings(all) { meanings = all; }

/** Shows the connections of a report. */
export function showConnections({ server, watch, broker }) {
	const dropped = server.dropped ? { dropped: server.dropped } : {};
	ifChanged('rejected', { ...server.rejected, ...dropped, known: meanings.rejected.rate }, () =>
		showCounts('rejected', { ...server.rejected, ...dropped }, meanings.rejected));
	ifChanged('closed', { ...server.closed, known: meanings.closed[1000] }, () =>
		showCounts('closed', server.closed, meanings.closed));
	ifChanged('watch', [watchRows(watch), brokerRows(broker)], (tables) =>
		$('watch').replaceChildren(...tables.flat().map(([name, value]) =>
			row([{ scope: 'row', text: name }, { class: 'long', text: value }]))));
}

function showCounts(id, counts, explained) {
	const counted = Object.entries(counts ?? {}).filter(([, n]) => n > 0).sort(([, a], [, b]) => b - a);
	const rows = counted.map(([name, n]) => row([
		{ scope: 'row', text: name }, { class: 'number', text: number(n) }, { class: 'long', text: explain(explained[name]) },
	]));
	if (!rows.length) {
		rows.push(row(['None.']));
		rows[0].firstElementChild.colSpan = 3;
	}
	$(id).replaceChildren(...rows);
}

function explain(meaning) {
	if (!meaning) return '';
	return element('div', {}, `${meaning.text[0].toUpperCase()}${meaning.text.slice(1)}. `, meaning.fix,
		(meaning.paste ?? []).map(snippet));
}

function watchRows(watch) {
	return !watch ? [] : [
		['File', watch.file],
		['Mode', watch.reason ? `${watch.mode}: ${watch.reason}` : watch.mode || 'not watched yet'],
		['Companion', watch.outbox ? 'keeps every event' : 'not installed, or no event yet'],
		['Notifications', number(watch.notifications)],
		['Overflows', number(watch.overflows)],
		['Watch restarts', number(watch.rearmed)],
	];
}

function brokerRows(broker) {
	return !broker ? [] : [
		['Broker', broker.connected ? 'connected' : `unreachable: ${broker.problem}`],
		['Not acknowledged', number(broker.pending)],
		['Reconnects', number(broker.reconnects)],
		['Not published', number(broker.lost)],
	];
}
