// Shows a page what happens on its site: in the console, and in the list #realtime-event-log, if it has one.
(() => {
	const RECONNECT = 5000; // ms
	const MOST_ENTRIES = 20;

	const list = document.getElementById('realtime-event-log');

	function show(text) {
		console.log(text);
		if (!list) return;
		const entry = document.createElement('li');
		entry.textContent = text;
		list.prepend(entry);
		if (list.children.length > MOST_ENTRIES) list.lastElementChild.remove();
	}

	function connect() {
		const socket = new WebSocket(wpRealtimeEvents.wsUrl);
		socket.onopen = () => socket.send('Hello from WordPress frontend!');
		socket.onmessage = ({ data }) => {
			try {
				const event = JSON.parse(data);
				if (event.type === 'post_saved') show(`Post saved: ${event.post_title} (ID: ${event.post_id})`);
				if (event.type === 'initialized') show('Realtime events initialized');
			} catch (error) {
				console.error('Not an event:', error);
			}
		};
		socket.onclose = () => setTimeout(connect, RECONNECT);
		socket.onerror = () => console.error('The WebSocket connection has failed');
	}

	connect();
})();
