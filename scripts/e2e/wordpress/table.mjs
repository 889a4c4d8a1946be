// What became of all saves, in one view.
const COLUMNS = ['attempted', 'written', 'received', 'overwritten'];

export class Table {
	#rows = new Map(); // by name: cells by companion

	/** Adds what became of the saves of one context, with the companion or without. */
	add(name, companion, cells) {
		this.#rows.set(name, { ...this.#rows.get(name), [companion]: cells });
	}

	toString() {
		const rows = [
			['', 'without', '', '', '', 'companion', '', '', ''],
			['', ...COLUMNS, ...COLUMNS],
			...[...this.#rows].map(([name, cells]) => [name, ...[false, true].flatMap((companion) => this.#texts(cells[companion]))]),
		];
		const widths = rows[1].map((_, i) => Math.max(...rows.slice(1).map((row) => row[i].length)));
		const line = (row) => row.map((cell, i) => (i === 0 || row === rows[0] ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
		return rows.map((row) => line(row).trimEnd()).join('\n');
	}

	#texts(cells) { return COLUMNS.map((column) => String(cells?.[column] ?? '')); }
}
