// Draws samples over time as SVG, with axes and a cross hair that all charts share.
import { element } from './dom.js';
import { clock, minute } from './format.js';

const SVG = 'http://www.w3.org/2000/svg';
const HEIGHT = 160;
const MARGIN = { top: 8, right: 8, bottom: 22, left: 58 };
const STEPS = [60, 120, 300, 600, 900, 1800, 3600, 7200, 14400]; // seconds between ticks of the time axis

const charts = [];
let cursor = null; // time in ms that the cross hair shows; null for none

function svg(tag, attributes, ...children) {
	const node = document.createElementNS(SVG, tag);
	for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
	node.append(...children);
	return node;
}

/** Returns a round number that is at least n: 1, 2 or 5 times a power of ten. */
function roundUp(n) {
	const power = 10 ** Math.floor(Math.log10(n));
	return [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= n * 0.999999);
}

/** A chart in a figure. format turns a value into a text; whole values have no fractions on the axis. */
export class Chart {
	constructor(figure, { title, format, whole = false }) {
		Object.assign(this, { title, format, whole, points: [], start: 0, end: 1 });
		this.caption = figure.querySelector('figcaption');
		this.svg = svg('svg', { role: 'slider', tabindex: 0, 'aria-label': title, 'aria-valuemin': 0 });
		this.readout = element('output', { class: 'readout' });
		figure.append(this.svg, this.readout);
		this.svg.addEventListener('pointermove', (event) => this.point(event));
		this.svg.addEventListener('pointerleave', () => moveCursor(null));
		this.svg.addEventListener('blur', () => moveCursor(null));
		this.svg.addEventListener('keydown', (event) => this.key(event));
		new ResizeObserver(() => this.draw()).observe(figure);
		charts.push(this);
	}

	/** Shows points [time in ms, value], a value of null for a gap, in a range of time. */
	show(points, start, end) {
		Object.assign(this, { points, start, end });
		this.draw();
	}

	get known() { return this.points.filter(([, value]) => value !== null); }

	get plotWidth() { return Math.max(1, this.width - MARGIN.left - MARGIN.right); }

	x(time) { return MARGIN.left + (time - this.start) / (this.end - this.start) * this.plotWidth; }

	y(value) { return HEIGHT - MARGIN.bottom - value / this.top * (HEIGHT - MARGIN.top - MARGIN.bottom); }

	draw() {
		this.width = this.svg.clientWidth;
		if (this.width === 0) return;
		this.svg.setAttribute('viewBox', `0 0 ${this.width} ${HEIGHT}`);
		const values = this.known.map(([, value]) => value);
		const most = Math.max(...values, 0);
		this.top = roundUp(Math.max(most, this.whole ? 5 : 0) || 1);
		this.svg.replaceChildren(...this.valueAxis(), ...this.timeAxis(), ...this.lines());
		this.cross = svg('g', { class: 'cross' });
		this.svg.append(this.cross);
		const summary = values.length ? `now ${this.format(values.at(-1))}, maximum ${this.format(most)}` : 'none yet';
		this.caption.textContent = `${this.title}: ${summary}`;
		this.drawCursor();
	}

	valueAxis() {
		const parts = String(this.top).includes('2') ? 4 : 5; // so that all labels are round
		return Array.from({ length: parts + 1 }, (_, i) => i * this.top / parts).flatMap((value) => [
			svg('line', {
				class: 'grid', x1: MARGIN.left, x2: this.width - MARGIN.right, y1: this.y(value), y2: this.y(value),
			}),
			svg('text', { x: MARGIN.left - 6, y: this.y(value) + 4, 'text-anchor': 'end' },
				this.format(Number(value.toPrecision(3)))),
		]);
	}

	timeAxis() {
		const span = (this.end - this.start) / 1000;
		const most = Math.max(2, Math.floor(this.plotWidth / 55));
		const step = 1000 * (STEPS.find((seconds) => span / seconds <= most) ?? STEPS.at(-1));
		const offset = new Date(this.start).getTimezoneOffset() * 60_000;
		const nodes = [];
		for (let t = Math.ceil((this.start - offset) / step) * step + offset; t <= this.end; t += step) {
			const x = this.x(t);
			nodes.push(svg('line', { class: 'grid', x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }));
			if (x > MARGIN.left + 12 && x < this.width - 20) {
				nodes.push(svg('text', { x, y: HEIGHT - 6, 'text-anchor': 'middle' }, minute(t)));
			}
		}
		return nodes;
	}

	/** Returns one line for each run of known values. */
	lines() {
		const runs = [[]];
		for (const [time, value] of this.points) {
			if (value === null) runs.push([]);
			else if (time >= this.start) runs.at(-1).push(`${this.x(time).toFixed(1)},${this.y(value).toFixed(1)}`);
		}
		return runs.filter((run) => run.length).map((run) =>
			svg('polyline', { points: run.length > 1 ? run.join(' ') : `${run[0]} ${run[0]}` }));
	}

	point(event) {
		const x = event.clientX - this.svg.getBoundingClientRect().left;
		moveCursor(this.start + (x - MARGIN.left) / this.plotWidth * (this.end - this.start));
	}

	key(event) {
		const visible = this.known.filter(([time]) => time >= this.start);
		if (visible.length === 0) return;
		const now = cursor === null ? visible.length - 1 : visible.indexOf(this.nearest(cursor));
		const to = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: visible.length - 1,
			PageUp: now - 12, PageDown: now + 12 }[event.key];
		if (to === undefined) return;
		event.preventDefault();
		moveCursor(visible[Math.max(0, Math.min(visible.length - 1, to))][0]);
	}

	nearest(time) {
		return this.known.filter(([t]) => t >= this.start).reduce((best, point) =>
			best && Math.abs(best[0] - time) <= Math.abs(point[0] - time) ? best : point, undefined);
	}

	/** Shows the value nearest to the cursor, or the newest one. */
	drawCursor() {
		const point = this.nearest(cursor ?? this.end);
		const text = point ? `${clock(point[0])}: ${this.format(point[1])}` : 'none yet';
		const visible = this.known.filter(([time]) => time >= this.start);
		this.svg.setAttribute('aria-valuemax', Math.max(0, visible.length - 1));
		this.svg.setAttribute('aria-valuenow', Math.max(0, visible.indexOf(point)));
		this.svg.setAttribute('aria-valuetext', text);
		this.readout.textContent = cursor === null ? '' : text;
		if (cursor === null || !point || !this.cross) {
			this.cross?.replaceChildren();
			return;
		}
		const x = this.x(point[0]);
		this.cross.replaceChildren(
			svg('line', { x1: x, x2: x, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }),
			svg('circle', { cx: x, cy: this.y(point[1]), r: 4 }));
		this.readout.style.left = `${Math.min(x, this.width - 110)}px`;
	}
}

function moveCursor(time) {
	cursor = time;
	for (const chart of charts) chart.drawCursor();
}
