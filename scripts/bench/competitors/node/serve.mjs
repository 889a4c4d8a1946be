import { readFileSync } from 'node:fs';
import { WebSocket, WebSocketServer } from 'ws';

/** Serves clients. Returns the function to call when the file may have changed; it sends new content to all clients. */
export function serve(port, file) {
	const server = new WebSocketServer({ host: '127.0.0.1', port: Number(port), perMessageDeflate: false });
	let last;
	return () => {
		const content = read(file);
		if (content === undefined || content === last) return;
		last = content;
		for (const client of server.clients) {
			if (client.readyState === WebSocket.OPEN) client.send(content);
		}
	};
}

/** Returns the file's content, or undefined if it is not JSON: empty, half-written or deleted. */
function read(file) {
	try {
		const content = readFileSync(file, 'utf8');
		JSON.parse(content);
		return content;
	} catch {
		return undefined;
	}
}
