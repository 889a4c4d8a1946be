// The ways in which posts are saved. Each context has a name, a word that no other title has, and a run that saves posts. That
// returns how many saves it has made at least, and what else is to be checked as {what: whether it is so}.
import { pause, until } from '../harness.mjs';
import { useBlockEditor, useClassicEditor } from './pages.mjs';

const WORKERS = 8;
const KILLS = 16;
const ODD = 'Größe / <b>№ 日本</b> "🎉"'; // what JSON and WordPress escape

/** Whether an answer is as it should be: the plugin dies where nobody loads what it needs. */
const survived = (answer, companion) => (companion ? answer.ok : answer.status === 500);

/** Returns the numbers from 1. */
const numbers = (count) => Array.from({ length: count }, (_, i) => i + 1);

/** Saves with several workers at once, each one post after the other. Returns how many saves succeeded and failed. */
export async function work(workers, save, more) {
	const made = { saves: 0, failed: 0 };
	await Promise.all(numbers(workers).map(async (worker) => {
		for (let n = 1; more(n); n++) {
			const answer = await save(worker, n);
			made.saves++;
			if (!answer.ok) made.failed++;
		}
	}));
	return made;
}

/** Returns a title that tells whose it is, for the order in which each worker's saves must come. */
export const title = (word, worker, n, rest = '') => `${word} w${worker} n${n} ${rest}`.trim();

export const contexts = [
	{
		name: 'classic editor',
		word: 'classic',
		async run({ browser, site, classic, word }) {
			await useClassicEditor(browser, site, classic, `${word} 1 ${ODD}`, `${word} 2`);
			return { saves: 3 }; // with the auto-draft
		},
	},
	{
		name: 'block editor',
		word: 'block',
		dies: true,
		async run({ browser, site, admin, word, companion }) {
			const published = await useBlockEditor(browser, site, admin, `${word} ${ODD}`);
			const saved = await admin.count(word);
			return { saves: 2, checks: { 'the editor says whether all went well': published === companion, 'the post is there': saved === 1 } };
		},
	},
	{
		name: 'REST',
		word: 'rest',
		dies: true,
		async run({ admin, word, companion }) {
			let as = 0;
			for (const n of numbers(10)) as += survived(await admin.publish(`${word} ${n} ${ODD}`), companion);
			return { saves: 10, checks: { 'answers are as expected': as === 10, 'all posts are there': (await admin.count(word)) === 10 } };
		},
	},
	{
		name: 'quick edit',
		word: 'quick',
		async run({ site, admin, word }) {
			const [post] = site.posts(1, `${word} 0`);
			let ok = 0;
			for (const n of numbers(20)) ok += (await admin.quickEdit(post, `${word} ${n} ${ODD}`)).ok;
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
			const visitor = await site.visitor();
			let ok = 0;
			for (const n of numbers(5)) {
				const fields = Object.entries({ post_title: `${word} ${n}`, post_status: 'publish' });
				const post = fields.map(([name, value]) => `<member><name>${name}</name><value>${value}</value></member>`).join('');
				const params = ['1', 'admin', 'admin', `<struct>${post}</struct>`].map((value) => `<param><value>${value}</value></param>`).join('');
				const call = `<methodCall><methodName>wp.newPost</methodName><params>${params}</params></methodCall>`;
				ok += !(await visitor.post('/xmlrpc.php', call, { 'Content-Type': 'text/xml' })).text.includes('<fault>');
			}
			return { saves: 10, checks: { 'all saves succeed': ok === 5 } }; // two for each post
		},
	},
	{
		name: 'front end',
		word: 'visitors',
		dies: true,
		async run({ site, admin, word, companion }) {
			const visitor = await site.visitor();
			let as = 0;
			for (const n of numbers(5)) as += survived(await visitor.post('/', { wpre_e2e_contribution: `${word} ${n} ${ODD}` }), companion);
			return { saves: 5, checks: { 'answers are as expected': as === 5, 'all posts are there': (await admin.count(word, 'pending')) === 5 } };
		},
	},
	{
		name: 'WP-Cron',
		word: 'cron',
		dies: true,
		async run({ site, admin, saves, word }) {
			const visitor = await site.visitor();
			for (const n of numbers(3)) {
				site.arrange('due', `${word} ${n} ${ODD}`);
				await visitor.get('/wp-cron.php'); // which answers before it does anything
				await until(() => saves() >= n);
			}
			return { saves: 3, checks: { 'all posts are published': await until(async () => (await admin.count(word)) === 3) } };
		},
	},
	{
		name: `${WORKERS} at once`,
		word: 'crowd',
		parallel: true,
		async run({ site, admin, word, companion }) {
			const posts = site.posts(WORKERS, `${word} 0`);
			const made = await work(WORKERS, (worker, n) => {
				const text = title(word, worker, n, ODD);
				return companion && worker % 2 ? admin.publish(text, posts[worker - 1]) : admin.quickEdit(posts[worker - 1], text);
			}, (n) => n <= 60);
			return { saves: made.saves, checks: { 'all saves succeed': made.failed === 0 } };
		},
	},
	{
		name: `${WORKERS} at once, long titles`,
		word: 'long',
		parallel: true,
		async run({ site, admin, word, rng }) {
			const posts = site.posts(WORKERS, `${word} 0`);
			const made = await work(WORKERS, (worker, n) => {
				const text = title(word, worker, n, 'ß'.repeat(rng() * 30_000)); // 180 KB as JSON
				return admin.quickEdit(posts[worker - 1], text);
			}, (n) => n <= 8);
			return { saves: made.saves, checks: { 'all saves succeed': made.failed === 0 } };
		},
	},
];

/** The same, while the relay is killed again and again: the only receiver is a client that says where it was. */
export const kills = {
	name: `${WORKERS} at once, ${KILLS} times kill -9`,
	word: 'killed',
	parallel: true,
	uncounted: true, // What is overwritten while the relay is down nobody counts.
	async run({ site, admin, relay, client, word, companion, rng }) {
		const posts = site.posts(WORKERS, `${word} 0`);
		let left = KILLS;
		const working = work(WORKERS, (worker, n) => {
			const text = title(word, worker, n, ODD);
			return companion && worker % 2 ? admin.publish(text, posts[worker - 1]) : admin.quickEdit(posts[worker - 1], text);
		}, () => left > 0);
		for (; left > 0; left--) {
			if (left % 4 > 0) await until(() => client.open);
			await pause(rng() * 300); // so that it may happen at any moment
			await relay.end('SIGKILL');
			await relay.start();
		}
		const made = await working;
		const checks = {
			'all saves succeed': made.failed === 0,
			'there are saves between the kills': made.saves >= 2 * KILLS,
			'the client comes back most times': client.connections > KILLS / 2,
			'no gap is told': client.gaps.length === 0,
		};
		return { saves: made.saves, checks };
	},
};
