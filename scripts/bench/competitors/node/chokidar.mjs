// Sends a file's content to WebSocket clients with ws and chokidar: chokidar.mjs PORT FILE.
import { watch } from 'chokidar';
import { dirname } from 'node:path';
import { serve } from './serve.mjs';

const [, , port, file] = process.argv;
const watcher = watch(dirname(file), { ignoreInitial: true });
watcher.on('ready', () => {
	const changed = serve(port, file);
	watcher.on('all', (_, path) => {
		if (path === file) changed();
	});
});
