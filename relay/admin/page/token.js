// Keeps the publish token, and sends a test event. The token is in memory, and if the operator wants, in the session
// storage of this tab. It is only ever sent in the header Authorization.
import { $, element, setText, snippet } from './dom.js';

const KEY = 'wpre-relay publish token';
let token = sessionStorage.getItem(KEY) ?? '';
const listeners = [];

export const hasToken = () => token !== '';

/** Calls listener whenever the token has changed. */
export const onToken = (listener) => listeners.push(listener);

/** Requests a path with the token. */
export const fetchWithToken = (path, options = {}) =>
	fetch(path, { ...options, credentials: 'omit', headers: { Authorization: `Bearer ${token}` } });

/** Shows whether the relay takes events, or how to make it. */
export function showPublishing(publishing) {
	$('token-form').hidden = !publishing;
	$('no-publishing').hidden = publishing;
}

export function startToken() {
	$('no-publishing').append(snippet({
		where: 'In a shell; then restart the relay with the flag',
		lines: 'openssl rand -hex 32 > publish-token\nWPRE_RELAY_PUBLISH_TOKEN_FILE=publish-token wpre-relay …',
	}));
	$('keep-token').checked = sessionStorage.getItem(KEY) !== null;
	$('token').value = token;
	$('token').addEventListener('input', useToken);
	$('keep-token').addEventListener('change', useToken);
	$('token-form').addEventListener('submit', (event) => {
		event.preventDefault();
		sendTestEvent();
	});
}

function useToken() {
	token = $('token').value.trim();
	if ($('keep-token').checked && token) sessionStorage.setItem(KEY, token);
	else sessionStorage.removeItem(KEY);
	for (const listener of listeners) listener();
}

async function sendTestEvent() {
	if (!hasToken()) {
		setText('test-result', 'Enter the publish token first.');
		$('token').focus();
		return;
	}
	const event = {
		timestamp: Math.floor(Date.now() / 1000), type: 'relay_test', post_id: 0, status: 'publish',
		post_title: 'Test event from the status page', sent_at: new Date().toISOString(),
	};
	const began = performance.now();
	try {
		const response = await fetchWithToken('publish', { method: 'POST', body: JSON.stringify(event) });
		const ms = Math.round(performance.now() - began);
		setText('test-result', response.ok
			? `The relay has ${(await response.json()).decision} it, after ${ms} ms. It is in the journal, and in the table.`
			: `${response.status}: ${(await response.text()).trim()}`);
	} catch {
		setText('test-result', 'The relay does not answer.');
	}
}
