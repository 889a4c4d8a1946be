// The status page: connects its parts to the event stream of the relay.
import { startClients } from './clients.js';
import { setConnectionMeanings, showConnections } from './connections.js';
import { addChanges, setDecisionMeanings, showDecisionCounts, startDecisions } from './decisions.js';
import { showFigures } from './figures.js';
import { getJSON, listen } from './live.js';
import { reloadSettings, startSettings } from './settings.js';
import { showDead, showState } from './state.js';
import { showLinks, showUnknownLinks } from './strip.js';
import { showPublishing, startToken } from './token.js';
import { setUptime, startTrend } from './trend.js';

let dead = false;

function showReport(report) {
	showState(report);
	if (document.hidden) return; // the title and the icon are all that can be seen
	showLinks(report.links);
	showFigures(report);
	showDecisionCounts(report.decisions);
	showConnections(report);
	showPublishing(report.publishing);
	setUptime(report.uptime_seconds);
	if (dead) reloadSettings();
	dead = false;
}

function showStale(last) {
	showDead(last);
	showUnknownLinks();
	dead = true;
}

async function loadMeanings() {
	const meanings = await getJSON('api/meanings');
	if (!meanings) return;
	setDecisionMeanings(meanings.decisions);
	setConnectionMeanings(meanings);
}

startToken();
startDecisions();
startTrend();
startClients();
startSettings();
loadMeanings();
listen({ onReport: showReport, onChanges: addChanges, onStale: showStale });
