// Turns numbers and times into texts.

export const number = (n) => n.toLocaleString('en');

export const milliseconds = (n) => `${n < 10 ? Number(n.toFixed(2)) : number(Math.round(n))} ms`;

/** Returns a rate with at most three digits. */
export const rate = (n) => n < 10 ? String(Number(n.toFixed(n < 0.1 ? 2 : 1))) : number(Math.round(n));

const UNITS = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];

/** Returns a duration with its two largest units: 3 h 5 min. */
export function duration(seconds) {
	const first = UNITS.findIndex(([size]) => seconds >= size || size === 1);
	const parts = UNITS.slice(first, first + 2).map(([size, unit]) => {
		const n = Math.floor(seconds / size);
		seconds -= n * size;
		return { n, text: `${n} ${unit}` };
	});
	return parts.filter(({ n }, i) => n > 0 || i === 0).map(({ text }) => text).join(' ');
}

const CLOCK = { hour: '2-digit', minute: '2-digit', second: '2-digit' };

export const clock = (date) => new Date(date).toLocaleTimeString('en-GB', CLOCK);

export const preciseClock = (date) =>
	new Date(date).toLocaleTimeString('en-GB', { ...CLOCK, fractionalSecondDigits: 3 });

export const minute = (date) => new Date(date).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
