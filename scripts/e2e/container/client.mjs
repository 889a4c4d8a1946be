// Prints the messages of a WebSocket server, one per line: client.mjs URL. On standard error it reports when the
// connection is open and the code with which it closes.
import { WebSocket } from 'ws';

const ws = new WebSocket(process.argv[2]);
ws.on('open', () => console.error('open'));
ws.on('message', (data, binary) => console.log(binary ? `binary: ${data.length} bytes` : data.toString()));
ws.on('close', (code) => console.error(`closed ${code}`));
ws.on('error', (err) => console.error(`error: ${err.message}`));
