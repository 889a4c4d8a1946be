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

// fsNotifier is the system's Notifier.
type fsNotifier struct{ *fsnotify.Watcher }

func systemNotifier() (Notifier, error) {
	// It has no buffer: with a hand-over for each notification, two goroutines take turns on one processor, and the loop
	// reads more of the contents in a burst.
	notifier, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return fsNotifier{notifier}, nil
}

// Events implements Notifier.
func (n fsNotifier) Events() <-chan fsnotify.Event { return n.Watcher.Events }

// Errors implements Notifier.
func (n fsNotifier) Errors() <-chan error { return n.Watcher.Errors }
