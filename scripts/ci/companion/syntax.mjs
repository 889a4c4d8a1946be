// Wants of PHP files that PHP 7.4 can read them: node syntax.mjs FILE...
import { readFileSync } from 'node:fs';
import { Engine } from 'php-parser';

const parser = new Engine({ parser: { version: '7.4' }, ast: { withPositions: true } });

/** What the parser takes as PHP 7.4 though that came later. */
function tooNew(node) {
	switch (true) {
		case node.kind === 'uniontype' || node.kind === 'intersectiontype':
			return 'a union of types';
		case node.kind === 'parameter' && node.flags > 0:
			return 'a promoted property';
		case node.readonly === true || node.isReadonly === true:
			return 'readonly';
		case node.kind === 'typereference' && ['mixed', 'never', 'false', 'true'].includes(node.name):
			return `the type ${node.name}`;
	}
	return undefined;
}

function look(node, file) {
	if (node === null || typeof node !== 'object') return 0;
	const what = tooNew(node);
	if (what) console.error(`${file}:${node.loc?.start.line}: ${what} needs PHP 8`);
	return Object.entries(node).reduce((sum, [key, child]) => (key === 'loc' ? sum : sum + look(child, file)), what ? 1 : 0);
}

let failed = 0;
for (const file of process.argv.slice(2)) {
	try {
		failed += look(parser.parseCode(readFileSync(file, 'utf8'), file), file);
	} catch (error) {
		console.error(`${file}: ${error.message}`);
		failed++;
	}
}
process.exit(failed > 0 ? 1 : 0);
