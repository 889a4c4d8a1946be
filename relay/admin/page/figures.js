// Shows the key figures.
import { setText } from './dom.js';
import { duration, milliseconds, number, rate } from './format.js';

const RATE_WINDOW = 60_000; // ms over which rates are measured
const recent = []; // {at, events, messages} of the reports in the window

/** Shows the figures of a report. */
export function showFigures(report) {
	const { broker, server, delivery, decisions } = report;
	const events = decisions.relayed + decisions.torn + decisions.filtered;
	setText('clients', number(server.clients));
	const webSockets = server.clients - server.event_streams;
	setText('transports', `${number(webSockets)} WebSocket, ${number(server.event_streams)} SSE`);
	setText('events', number(events));
	setText('position', report.position ? `at ${report.position}` : '');
	setText('p50', delivery.count ? milliseconds(delivery.p50_ms) : '–');
	setText('p99', delivery.count
		? `p99 ${milliseconds(delivery.p99_ms)}, last ${milliseconds(delivery.last_ms)}` : 'no deliveries yet');
	setText('uptime', duration(report.uptime_seconds));
	setText('version', report.version);
	setText('kept', `${number(report.kept)} events`);
	setText('journal', report.journal_error || (broker ? 'shared by all relays' : 'on disk'),
		report.journal_error ? 'note bad' : 'note');
	showRates(events, server.messages_sent);
}

function showRates(events, messages) {
	const now = { at: Date.now(), events, messages };
	if (recent.length > 0 && recent.at(-1).events > events) recent.length = 0; // the relay has restarted
	recent.push(now);
	while (now.at - recent[0].at > RATE_WINDOW) recent.shift();
	const seconds = (now.at - recent[0].at) / 1000;
	if (seconds < 1) return;
	setText('event-rate', `${rate((events - recent[0].events) / seconds)}/s`);
	const sent = rate((messages - recent[0].messages) / seconds);
	setText('message-rate', `${sent}/s to clients`);
}
