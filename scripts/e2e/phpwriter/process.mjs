// Child processes that do not outlive the test.
import { spawn } from 'node:child_process';

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Starts a process. It collects standard error in errors; ended resolves to the exit status, the signal or the error. */
export function start(command, args) {
	const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
	running.add(child);
	child.errors = '';
	child.stderr.on('data', (text) => (child.errors += text));
	child.ended = new Promise((resolve) => {
		child.on('close', (code, signal) => resolve(signal ?? code));
		child.on('error', (err) => resolve(err.message));
	}).finally(() => running.delete(child));
	return child;
}
