// Builds and updates elements. Texts are always set as text, never as markup.

export const $ = (id) => document.getElementById(id);

/** Returns an element with these attributes and children. A function is a listener; undefined children are left out. */
export function element(tag, attributes = {}, ...children) {
	const node = document.createElement(tag);
	for (const [name, value] of Object.entries(attributes)) {
		if (typeof value === 'function') node.addEventListener(name, value);
		else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
	}
	node.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== ''));
	return node;
}

/** Sets a text, and a class if one is given, only if they differ, because screen readers announce each change. */
export function setText(id, text, className) {
	const node = $(id);
	if (node.textContent !== text) node.textContent = text;
	if (className !== undefined && node.className !== className) node.className = className;
}

/** Makes the nodes the children of a parent. Nodes that stay are not moved, so they keep the focus. */
export function setChildren(parent, nodes) {
	nodes.forEach((node, i) => {
		if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null);
	});
	while (parent.children.length > nodes.length) parent.lastElementChild.remove();
}

/** Calls render only if the value differs from the one of the last call for the same key. */
const rendered = new Map();
export function ifChanged(key, value, render) {
	const text = JSON.stringify(value);
	if (rendered.get(key) === text) return;
	rendered.set(key, text);
	render(value);
}

/** Returns a table row. A cell is a text, or a node, or {text, class, scope} for one with a class or a row's header. */
export function row(cells, attributes = {}) {
	return element('tr', attributes, cells.map((cell) => {
		if (cell instanceof Node || typeof cell !== 'object' || cell === null) return element('td', {}, cell ?? '');
		return element(cell.scope ? 'th' : 'td', { class: cell.class, scope: cell.scope }, cell.text ?? '');
	}));
}

/** Returns lines to paste, with a button that copies them. */
export function snippet({ where, lines }) {
	const done = element('span', { role: 'status', class: 'note' });
	const pre = element('pre', { tabindex: 0 }, lines);
	const copy = async () => {
		try {
			await navigator.clipboard.writeText(lines);
			done.textContent = 'Copied.';
		} catch { // without HTTPS or localhost, pages cannot copy
			getSelection().selectAllChildren(pre);
			done.textContent = 'Selected: copy it with the keyboard.';
		}
	};
	const button = element('button', { type: 'button', click: copy }, 'Copy');
	return element('div', { class: 'snippet' }, element('div', { class: 'where' }, `${where}:`, button, done), pre);
}
