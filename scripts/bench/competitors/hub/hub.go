// Package hub is what the Go peers have in common: how they are called, and how they watch. What a client costs is
// theirs alone.
package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/fsnotify/fsnotify"
)

// Hub takes in clients by HTTP and sends to all of them.
type Hub interface {
	http.Handler

	// Send sends event to every client. It may keep event, but not change it.
	Send(event []byte)
}

// Run does what PROGRAM PORT FILE stands for: it serves h on that port of this machine, and has h send each new
// content of the file. It returns on failure only; args are the program's.
func Run(h Hub, args []string) error {
	if len(args) != 3 {
		return errors.New("usage: PROGRAM PORT FILE")
	}
	port, file := args[1], args[2]
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.Add(filepath.Dir(file)); err != nil {
		return fmt.Errorf("watch %s: %w", file, err)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- http.Serve(listener, h) }()
	go func() { failed <- follow(w, file, h.Send) }()
	return <-failed
}

// follow hands over file's content whenever that is JSON and differs from the one before.
func follow(w *fsnotify.Watcher, file string, send func([]byte)) error {
	var last []byte
	for {
		select {
		case event, ok := <-w.Events:
			if !ok {
				return fsnotify.ErrClosed
			}
			if event.Name != file || !event.Has(fsnotify.Create|fsnotify.Write) {
				continue
			}
			content, err := os.ReadFile(file)
			if err != nil || !json.Valid(content) || bytes.Equal(content, last) {
				continue // an empty file is no valid JSON either
			}
			last = content
			send(content)
		case err := <-w.Errors:
			return err
		}
	}
}
