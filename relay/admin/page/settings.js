// Shows the settings with their origin, and the findings of the command check.
import { $, element, row, setText, snippet } from './dom.js';
import { clock } from './format.js';
import { getJSON } from './live.js';

const LEVELS = { ok: '✓ OK', skip: '– Not checked', warn: '! Warning', fail: '✗ Failed' };

let settings;

export function startSettings() {
	$('all-settings').addEventListener('change', show);
	$('settings-section').addEventListener('toggle', load);
	$('run-check').addEventListener('click', runCheck);
	load();
}

async function load() {
	settings ??= await getJSON('api/settings');
	if (settings) show();
}

/** Makes the page load the settings again: the relay may have been restarted with others. */
export function reloadSettings() {
	settings = undefined;
	load();
}

function show() {
	if (!settings) return;
	const all = $('all-settings').checked;
	const part = settings.filter((setting) => all || setting.source !== 'default');
	$('settings').replaceChildren(...part.map(({ name, value, source }) => row([
		{ scope: 'row', text: name }, { class: 'long', text: value }, { class: 'long', text: source },
	], source === 'default' ? {} : { class: 'set' })));
	setText('settings-note', `${settings.filter((s) => s.source !== 'default').length} of ${settings.length} are set.`);
}

async function runCheck() {
	$('run-check').disabled = true;
	setText('check-note', 'Checking…');
	const answer = await getJSON('api/check');
	$('run-check').disabled = false;
	if (!answer) {
		setText('check-note', 'The check has not ended. Run it in a shell: wpre-relay check');
		return;
	}
	const order = ['fail', 'warn', 'ok', 'skip'];
	const findings = answer.result.toSorted((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
	const count = (level) => findings.filter((finding) => finding.level === level).length;
	setText('check-note', `At ${clock(answer.time)}: ${count('fail')} failed, ${count('warn')} warnings, ` +
		`${count('ok')} ok, ${count('skip')} not checked.`);
	$('findings').replaceChildren(...findings.map(({ check, level, text, fix, paste }) =>
		element('li', { class: `finding ${level}` },
			element('p', {}, element('strong', {}, LEVELS[level]), ` ${check}: ${text}`),
			fix ? element('p', {}, fix) : '',
			paste?.length ? element('details', {}, element('summary', {}, 'Lines to paste'), paste.map(snippet)) : '')));
}
