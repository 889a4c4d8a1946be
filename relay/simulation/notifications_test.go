package simulation

import (
	"path/filepath"
	"sync"

	"github.com/fsnotify/fsnotify"

	"wpre-relay/watcher"
)

// notifications are the kernel's queue of notifications about files. Like the kernel, it merges a notification with an
// equal one before it, and drops notifications about files without a watch. It delivers nothing while it is held.
type notifications struct {
	mu        sync.Mutex
	notifiers []*notifier // open ones; guarded by mu
	held      bool        // guarded by mu
	chmods    int         // number of changes of the file's mode that were announced; guarded by mu
}

// notifier is one inotify instance.
type notifier struct {
	set     *notifications
	events  chan fsnotify.Event
	errors  chan error
	watched map[string]bool // guarded by set.mu
	queue   []notification  // guarded by set.mu
	wake    chan struct{}
	closed  chan struct{}
	once    sync.Once
	ended   chan struct{}
}

// notification is an event of the watch on a file or directory, or an overflow.
type notification struct {
	fsnotify.Event
	watch    string
	overflow bool
}

// open returns a new notifier.
func (n *notifications) open() (watcher.Notifier, error) {
	opened := &notifier{
		set: n, events: make(chan fsnotify.Event), errors: make(chan error), watched: make(map[string]bool),
		wake: make(chan struct{}, 1), closed: make(chan struct{}), ended: make(chan struct{}),
	}
	n.mu.Lock()
	n.notifiers = append(n.notifiers, opened)
	n.mu.Unlock()
	go opened.deliver()
	return opened, nil
}

// announce queues an event about the file at path.
func (n *notifications) announce(path string, op fsnotify.Op) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if op == fsnotify.Chmod {
		n.chmods++
	}
	for _, each := range n.notifiers {
		for _, watch := range []string{filepath.Dir(path), path} {
			next := notification{Event: fsnotify.Event{Name: path, Op: op}, watch: watch}
			if q := each.queue; each.watched[watch] && (len(q) == 0 || q[len(q)-1] != next) {
				each.queue = append(q, next)
			}
		}
		each.signal()
	}
}

// overflow drops all notifications in the queues.
func (n *notifications) overflow() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, each := range n.notifiers {
		each.queue = []notification{{overflow: true}}
		each.signal()
	}
}

// hold stops the delivery, or continues it.
func (n *notifications) hold(held bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.held = held
	for _, each := range n.notifiers {
		each.signal()
	}
}

// announced returns how many changes of the mode were announced.
func (n *notifications) announced() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.chmods
}

func (n *notifier) signal() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// deliver sends the queue until the notifier is closed.
func (n *notifier) deliver() {
	defer close(n.ended)
	for {
		next, ok := n.next()
		var events chan<- fsnotify.Event
		var errors chan<- error
		switch {
		case ok && next.overflow:
			errors = n.errors
		case ok:
			events = n.events
		}
		select {
		case events <- next.Event:
			n.drop()
		case errors <- fsnotify.ErrEventOverflow:
			n.drop()
		case <-n.wake:
		case <-n.closed:
			return
		}
	}
}

// next returns the oldest notification, if there is one and the queue is not held.
func (n *notifier) next() (notification, bool) {
	n.set.mu.Lock()
	defer n.set.mu.Unlock()
	if n.set.held || len(n.queue) == 0 {
		return notification{}, false
	}
	return n.queue[0], true
}

// drop removes the oldest notification.
func (n *notifier) drop() {
	n.set.mu.Lock()
	defer n.set.mu.Unlock()
	if len(n.queue) > 0 {
		n.queue = n.queue[1:]
	}
}

// The methods below implement watcher.Notifier.

func (n *notifier) Add(path string) error {
	n.set.mu.Lock()
	defer n.set.mu.Unlock()
	n.watched[path] = true
	return nil
}

func (n *notifier) Remove(path string) error {
	n.set.mu.Lock()
	defer n.set.mu.Unlock()
	delete(n.watched, path)
	return nil
}

func (n *notifier) Events() <-chan fsnotify.Event { return n.events }
func (n *notifier) Errors() <-chan error          { return n.errors }

func (n *notifier) Close() error {
	n.once.Do(func() { close(n.closed) })
	<-n.ended
	return nil
}
