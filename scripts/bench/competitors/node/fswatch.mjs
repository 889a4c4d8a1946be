// Sends a file's content to WebSocket clients with ws and fs.watch: fswatch.mjs PORT FILE.
import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { serve } from './serve.mjs';

const [, , port, file] = process.argv;
const changed = serve(port, file);
watch(dirname(file), (_, name) => {
	if (name === basename(file)) changed();
});
