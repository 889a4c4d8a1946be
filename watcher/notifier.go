package watcher

import "github.com/fsnotify/fsnotify"

// Notifier announces changes of the files and directories that were added, as an fsnotify.Watcher does. The simulation
// in package relay/simulation has another one, because a goroutine that waits for the kernel stops its virtual clock.
type Notifier interface {
	Add(path string) error
	Remove(path string) error
	Events() <-chan fsnotify.Event
	Errors() <-chan error
	Close() error
}

// maxErrors is the maximum number of errors that wait for the loop. It reads everything again after each one.
const maxErrors = 16

// fsNotifier is fsnotify as a Notifier.
type fsNotifier struct {
	*fsnotify.Watcher
	errors chan error
}

func newFSNotifier() (fsNotifier, error) {
	// It has no buffer: with a hand-over for each notification, two goroutines take turns on one processor, and the loop
	// reads more of the contents in a burst.
	notifier, err := fsnotify.NewWatcher()
	if err != nil {
		return fsNotifier{}, err
	}
	n := fsNotifier{notifier, make(chan error, maxErrors)}
	go n.receiveErrors()
	return n, nil
}

// receiveErrors receives the errors until the notifier is closed. While fsnotify sends an error, it may hold the lock
// that Add, Remove and Close need: they would never return if the loop that calls them had to receive it.
func (n fsNotifier) receiveErrors() {
	for err := range n.Watcher.Errors {
		select {
		case n.errors <- err:
		default:
		}
	}
}

// Events implements Notifier.
func (n fsNotifier) Events() <-chan fsnotify.Event { return n.Watcher.Events }

// Errors implements Notifier.
func (n fsNotifier) Errors() <-chan error { return n.errors }
