// The contexts in which posts are saved. Each has a name, a word that only its titles contain, and run, which saves
// posts. run returns the minimum number of saves, and more checks as {what: passed}. end, if there is one, runs after
// the checks and restores the site. With bare, the context is for the plugin without the companion only.
import { pause, until } from '../harness.mjs';
import { useBlockEditor, useClassicEditor } from './pages.mjs';

const WORKERS = 8;
const KILLS = 8;
const SPECIAL = 'Größe / <b>№ 日本</b> "🎉"'; // characters that JSON and WordPress escape

/** Reports whether a response is as expected: without the companion, the plugin fails if WP_Filesystem() is missing. */
const asExpected = (response, companion) => (companion ? response.ok : response.status === 500);

/** Returns the numbers from 1 to count. */
const numbers = (count) => Array.from({ length: count }, (_, i) => i + 1);

/** Runs workers that save concurrently, each one save after the other. Returns the numbers of saves and failed saves. */
export async function work(workers, save, more) {
	const result = { saves: 0, failed: 0 };
	await Promise.all(numbers(workers).map(async (worker) => {
		for (let n = 1; more(n); n++) {
			const response = await save(worker, n);
			result.saves++;
			if (!response.ok) result.failed++;
		}
	}));
	return result;
}

/** Returns a title with the worker and the number of its save, for the check of the order. */
export const title = (word, worker, n, rest = '') => `${word} w${worker} n${n} ${rest}`.trim();

/** Returns a save for work. Every second worker uses the REST API, which needs the companion; the others quick edit. */
export function mixedSave({ admin, word, companion }, posts) {
	return (worker, n) => {
		const text = title(word, worker, n, SPECIAL);
		const post = posts[worker - 1];
		return companion && worker % 2 ? admin.publish(text, post) : admin.quickEdit(post, text);
	};
}

/** Returns the body of an XML-RPC call that creates a post. */
function newPostCall(text) {
	const fields = Object.entries({ post_title: text, post_status: 'publish' });
	const post = fields.map(([name, value]) => `<member><name>${name}</name><value>${value}</value></member>`).join('');
	const params = ['1', 'admin', 'admin', `<struct>${post}</struct>`];
	const values = params.map((value) => `<param><value>${value}</value></param>`).join('');
	return `<methodCall><methodName>wp.newPost</methodName><params>${values}</params></methodCall>`;
}

export const contexts = [
	{
		name: 'classic editor',
		word: 'classic',
		async run({ browser, site, classic, word }) {
			await useClassicEditor(browser, site, classic, `${word} 1 ${SPECIAL}`, `${word} 2`);
			return { saves: 3 }; // the editor also saves an auto-draft
		},
	},
	{
		name: 'block editor',
		word: 'block',
		fails: true,
		async run({ browser, site, admin, word, companion }) {
			const published = await useBlockEditor(browser, site, admin, `${word} ${SPECIAL}`);
			const saved = await admin.count(word);
			const checks = { 'the editor reports the result': published === companion, 'the post is saved': saved === 1 };
			return { saves: 2, checks };
		},
	},
	{
		name: 'REST',
		word: 'rest',
		fails: true,
		async run({ admin, word, companion }) {
			let expected = 0;
			for (const n of numbers(10)) {
				expected += asExpected(await admin.publish(`${word} ${n} ${SPECIAL}`), companion);
			}
			const saved = await admin.count(word);
			const checks = { 'responses are as expected': expected === 10, 'all posts are saved': saved === 10 };
			return { saves: 10, checks };
		},
	},
	{
		name: 'quick edit',
		word: 'quick',
		async run({ site, admin, word }) {
			const [post] = site.posts(1, `${word} 0`);
			let ok = 0;
			for (const n of numbers(20)) ok += (await admin.quickEdit(post, `${word} ${n} ${SPECIAL}`)).ok;
			return { saves: 20, checks: { 'all saves succeed': ok === 20 } };
		},
	},
	{
		name: 'bulk edit of 500',
		word: 'bulk',
		async run({ site, admin, word }) {
			const { status } = await admin.bulkEdit(site.posts(500, word));
			return { saves: 500, checks: { 'the request succeeds': status === 302 } };
		},
	},
	{
		name: 'XML-RPC',
		word: 'remote',
		async run({ site, word }) {
			const visitor = site.visitor();
			let ok = 0;
			for (const n of numbers(5)) {
				const call = newPostCall(`${word} ${n}`);
				const response = await visitor.post('/xmlrpc.php', call, { 'Content-Type': 'text/xml' });
				ok += !response.text.includes('<fault>');
			}
			return { saves: 10, checks: { 'all saves succeed': ok === 5 } }; // WordPress saves each post twice
		},
	},
	{
		name: 'front end',
		word: 'visitors',
		fails: true,
		async run({ site, admin, word, companion }) {
			const visitor = site.visitor();
			let expected = 0;
			for (const n of numbers(5)) {
				const response = await visitor.post('/', { wpre_e2e_contribution: `${word} ${n} ${SPECIAL}` });
				expected += asExpected(response, companion);
			}
			const saved = await admin.count(word, 'pending');
			const checks = { 'responses are as expected': expected === 5, 'all posts are saved': saved === 5 };
			return { saves: 5, checks };
		},
	},
	{
		name: 'WP-Cron',
		word: 'cron',
		fails: true,
		async run({ site, admin, saves, word }) {
			const visitor = site.visitor();
			for (const n of numbers(3)) {
				site.setup('due', `${word} ${n} ${SPECIAL}`);
				await visitor.get('/wp-cron.php'); // responds before it publishes
				await until(() => saves() >= n);
			}
			const published = await until(async () => (await admin.count(word)) === 3);
			return { saves: 3, checks: { 'all posts are published': published } };
		},
	},
	{
		name: `${WORKERS} at once`,
		word: 'crowd',
		parallel: true,
		async run(scope) {
			const posts = scope.site.posts(WORKERS, `${scope.word} 0`);
			const result = await work(WORKERS, mixedSave(scope, posts), (n) => n <= 25);
			return { saves: result.saves, checks: { 'all saves succeed': result.failed === 0 } };
		},
	},
	{
		name: `${WORKERS} at once, long titles`,
		word: 'long',
		parallel: true,
		async run({ site, admin, word, rng }) {
			const posts = site.posts(WORKERS, `${word} 0`);
			const result = await work(WORKERS, (worker, n) => {
				const text = title(word, worker, n, 'ß'.repeat(rng() * 30_000)); // 180 KB as JSON
				return admin.quickEdit(posts[worker - 1], text);
			}, (n) => n <= 8);
			return { saves: result.saves, checks: { 'all saves succeed': result.failed === 0 } };
		},
	},
];

/** Concurrent saves while the relay is killed repeatedly. The only receiver is a client that resumes. */
export const kills = {
	name: `${WORKERS} at once, ${KILLS} times kill -9`,
	word: 'killed',
	parallel: true,
	uncounted: true, // no relay counts the events that are overwritten while it is down
	async run(scope) {
		const { site, relay, client, word, rng } = scope;
		const posts = site.posts(WORKERS, `${word} 0`);
		let left = KILLS;
		const working = work(WORKERS, mixedSave(scope, posts), () => left > 0);
		for (; left > 0; left--) {
			if (left % 4 > 0) await until(() => client.open);
			await pause(rng() * 300); // kill at a random moment of a save
			await relay.stop('SIGKILL');
			await relay.start();
		}
		const result = await working;
		const checks = {
			'all saves succeed': result.failed === 0,
			'there are saves between the kills': result.saves >= 2 * KILLS,
			'the client reconnects most times': client.connections > KILLS / 2,
			'no gap is reported': client.gaps.length === 0,
		};
		return { saves: result.saves, checks };
	},
};
