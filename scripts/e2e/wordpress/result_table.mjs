// A table of the events of each context, without the companion and with it.
const COLUMNS = ['attempted', 'written', 'received', 'overwritten'];

export class ResultTable {
	#rows = new Map(); // by name: the cells, by companion

	/** Adds the cells of one context, for the run without the companion or with it. */
	add(name, companion, cells) {
		this.#rows.set(name, { ...this.#rows.get(name), [companion]: cells });
	}

	toString() {
		const rows = [
			['', 'without', '', '', '', 'companion', '', '', ''],
			['', ...COLUMNS, ...COLUMNS],
			...[...this.#rows].map(([name, cells]) => [name, ...[false, true].flatMap((key) => this.#texts(cells[key]))]),
		];
		const widths = rows[1].map((_, i) => Math.max(...rows.slice(1).map((row) => row[i].length)));
		const pad = (row, cell, i) => (i === 0 || row === rows[0] ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
		return rows.map((row) => row.map((cell, i) => pad(row, cell, i)).join('  ').trimEnd()).join('\n');
	}

	#texts(cells) { return COLUMNS.map((column) => String(cells?.[column] ?? '')); }
}
