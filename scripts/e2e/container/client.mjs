// Prints what a WebSocket server sends, one message a line: client.mjs URL. Standard error says when the connection
// is open and with which code it closed. 
import { WebSocket } from 'ws';

const ws = new WebSocket(process.argv[2]);
ws.on('open', () => console.error('open'));
ws.on('message', (data, binary) => console.log(binary ? `binary: ${data.length} bytes` : data.toString()));
ws.on('close', (code) => console.error(`closed ${code}`));
ws.on('error', (err) => console.error(`error: ${err.message}`));
