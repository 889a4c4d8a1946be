// Checks that PHP files are valid in PHP 7.4: syntax.mjs FILE...
import { readFileSync } from 'node:fs';
import { Engine } from 'php-parser';

const parser = new Engine({ parser: { version: '7.4' }, ast: { withPositions: true } });

/** Returns a name for syntax of PHP 8 that the parser accepts as PHP 7.4, or undefined. */
function newerSyntax(node) {
	switch (true) {
		case node.kind === 'uniontype' || node.kind === 'intersectiontype':
			return 'a union type';
		case node.kind === 'parameter' && node.flags > 0:
			return 'a promoted property';
		case node.readonly === true || node.isReadonly === true:
			return 'readonly';
		case node.kind === 'typereference' && ['mixed', 'never', 'false', 'true'].includes(node.name):
			return `the type ${node.name}`;
	}
	return undefined;
}

/** Reports newer syntax in node and its children. Returns the number of places. */
function countNewerSyntax(node, file) {
	if (node === null || typeof node !== 'object') return 0;
	const what = newerSyntax(node);
	if (what) console.error(`${file}:${node.loc?.start.line}: ${what} needs PHP 8`);
	let count = what ? 1 : 0;
	for (const [key, child] of Object.entries(node)) {
		if (key !== 'loc') count += countNewerSyntax(child, file);
	}
	return count;
}

let failed = 0;
for (const file of process.argv.slice(2)) {
	try {
		failed += countNewerSyntax(parser.parseCode(readFileSync(file, 'utf8'), file), file);
	} catch (error) {
		console.error(`${file}: ${error.message}`);
		failed++;
	}
}
process.exit(failed > 0 ? 1 : 0);
