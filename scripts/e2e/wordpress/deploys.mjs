// Contexts in which the event folder changes while posts are saved: deployments by symbolic link, and a folder that is
// removed and created again. They have the form of those in contexts.mjs.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { until } from '../harness.mjs';
import { mixedSave, work } from './contexts.mjs';

const WORKERS = 8;
const SAVES_BETWEEN = 40; // successful saves before each switch
const DEPLOYED = [2, 3]; // the releases after release 1
const ROUTE = [2, 3, 2, 1]; // the releases to switch to: two deployments and two rollbacks

/** The releases of a site whose root is a symbolic link to one of them. */
class Releases {
	constructor(site) {
		this.site = site;
		this.shared = `${site.work}/shared/realtime-events`;
	}

	#folder(release) { return `${this.site.releases}/${release}/wp-content/realtime-events`; }

	/** Moves the event folder of release 1 to a directory that all releases share. */
	share() {
		mkdirSync(`${this.site.work}/shared`);
		renameSync(this.#folder(1), this.shared);
		this.#link(1);
	}

	#link(release) { symlinkSync('../../../shared/realtime-events', this.#folder(release)); }

	/** Creates a release from release 1, without its events. */
	create(release) {
		execFileSync('cp', ['-al', `${this.site.releases}/1`, `${this.site.releases}/${release}`]);
		rmSync(this.#folder(release), { recursive: true });
		if (existsSync(this.shared)) this.#link(release);
	}

	/** Switches the site to a release, in one step. */
	switchTo(release) {
		symlinkSync(`releases/${release}`, `${this.site.root}.new`);
		renameSync(`${this.site.root}.new`, this.site.root);
	}

	/** Removes a release. */
	remove(release) { rmSync(`${this.site.releases}/${release}`, { recursive: true }); }

	/** Moves the shared event folder back to release 1. */
	unshare() {
		rmSync(this.#folder(1));
		renameSync(this.shared, this.#folder(1));
		rmSync(`${this.site.work}/shared`, { recursive: true });
	}
}

/** Runs workers that save concurrently, and calls each step after more saves. Returns what run of a context returns. */
async function saveDuring(scope, steps) {
	const posts = scope.site.posts(WORKERS, `${scope.word} 0`);
	let running = true;
	const working = work(WORKERS, mixedSave(scope, posts), () => running);
	const more = async () => {
		const enough = scope.saves() + SAVES_BETWEEN;
		await until(() => scope.saves() >= enough);
	};
	for (const step of steps) {
		await more();
		step();
	}
	await more();
	running = false;
	const result = await working;
	return { saves: result.saves, checks: { 'all saves succeed': result.failed === 0 } };
}

/** Switches between releases while posts are saved. */
function deploy(scope) {
	const releases = new Releases(scope.site);
	for (const release of DEPLOYED) releases.create(release);
	return saveDuring(scope, ROUTE.map((release) => () => releases.switchTo(release)));
}

/** Removes a folder while PHP writes to it. A file that appears in between makes one attempt fail. */
function remove(folder, attempts = 1000) {
	try {
		rmSync(folder, { recursive: true });
	} catch (error) {
		if (error.code !== 'ENOTEMPTY' || attempts === 1) throw error;
		remove(folder, attempts - 1);
	}
}

/** Removes the releases that deploy has created. */
function removeReleases(site) {
	const releases = new Releases(site);
	for (const release of DEPLOYED) releases.remove(release);
	return releases;
}

export const deploys = [
	{
		name: 'deploys by symlink',
		word: 'deployed',
		parallel: true,
		unordered: true, // each release has its own outbox
		run: deploy,
		end: ({ site }) => removeReleases(site),
	},
	{
		name: 'deploys by symlink, shared folder',
		word: 'sharing',
		parallel: true,
		run(scope) {
			new Releases(scope.site).share();
			return deploy(scope);
		},
		end: ({ site }) => removeReleases(site).unshare(),
	},
	{
		name: 'event folder removed',
		word: 'removing',
		bare: true, // with the companion, a line that was not read yet is removed too
		parallel: true,
		run(scope) {
			const step = () => remove(scope.site.events);
			return saveDuring(scope, [step, step, step]);
		},
	},
];
