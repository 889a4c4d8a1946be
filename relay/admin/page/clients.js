// Shows the clients that lag most or connected last, while the table is visible.
import { $, row, setText } from './dom.js';
import { duration, number } from './format.js';
import { getJSON, whileVisible } from './live.js';

const TRANSPORTS = { websocket: 'WebSocket', sse: 'SSE' };

export function startClients() { whileVisible($('client-list'), 5000, refresh); }

async function refresh() {
	const list = await getJSON('api/clients');
	if (!list) return;
	const now = Date.parse(list.time);
	const rows = list.result.map((client) => row([
		{ class: 'long', text: client.site || 'unknown' },
		{ class: 'wide', text: client.network || 'unknown' },
		TRANSPORTS[client.transport],
		{ class: 'number', text: duration(Math.max(0, (now - Date.parse(client.since)) / 1000)) },
		client.lag ? { class: 'number bad', text: `${number(client.lag)} events` } : { class: 'number', text: 'live' },
	]));
	if (!rows.length) {
		rows.push(row(['No client is connected.']));
		rows[0].firstElementChild.colSpan = 5;
	}
	$('client-list').replaceChildren(...rows);
	const lagging = list.result.filter((client) => client.lag).length;
	setText('client-note', list.result.length < 200 ? `${number(lagging)} of ${number(list.result.length)} lag.`
		: 'The 200 clients that lag most, or else connected last.');
}
