// Receives the event stream of the relay, and notices when the relay does not answer.

const SILENCE = 5000; // ms without a report after which the numbers are stale; a report comes every second
const RETRY = 3000; // ms until a closed stream is opened again

/** Calls onReport and onChanges with what the relay sends, and onStale with the time of the last report, or null. */
export function listen({ onReport, onChanges, onStale }) {
	let last = null;
	let timer;
	const stale = () => onStale(last);
	const open = () => {
		const source = new EventSource('api/live');
		source.addEventListener('report', (event) => {
			last = Date.now();
			clearTimeout(timer);
			timer = setTimeout(stale, SILENCE);
			onReport(JSON.parse(event.data));
		});
		source.addEventListener('changes', (event) => onChanges(JSON.parse(event.data)));
		source.addEventListener('error', () => {
			stale();
			if (source.readyState !== EventSource.CLOSED) return;
			setTimeout(open, RETRY);
		});
	};
	open();
}

/** Requests JSON of the relay. It returns undefined if the relay does not answer: the event stream reports that. */
export async function getJSON(path, options) {
	try {
		const response = await fetch(path, options);
		return response.ok ? await response.json() : undefined;
	} catch {
		return undefined;
	}
}

/** Calls refresh now and at intervals in ms, but only while the page and the element are visible. */
export function whileVisible(element, interval, refresh) {
	let visible = false;
	let last = 0;
	const tick = () => {
		if (!visible || document.hidden || Date.now() - last < interval) return;
		last = Date.now();
		refresh();
	};
	new IntersectionObserver(([entry]) => {
		visible = entry.isIntersecting;
		tick();
	}).observe(element);
	document.addEventListener('visibilitychange', tick);
	setInterval(tick, 500);
}
