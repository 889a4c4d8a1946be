// Package hub is shared by the competitors in Go: it parses their arguments and watches the file. It does nothing for
// a single client, whose cost is that of the competitor.
package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
)

// Hub accepts clients over HTTP and sends events to all of them.
type Hub interface {
	http.Handler

	// Send sends event to every client. It may keep event, but must not modify it.
	Send(event []byte)
}

// Run runs a competitor with the program's arguments, PROGRAM PORT FILE: it serves h on the port and calls Send with
// each new content of the file. It returns only with an error.
func Run(h Hub, args []string) error {
	if len(args) != 3 {
		return errors.New("usage: PROGRAM PORT FILE")
	}
	port, file := args[1], args[2]
	wait, err := watch(filepath.Dir(file))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		return err
	}
	failed := make(chan error, 2)
	go func() { failed <- http.Serve(listener, h) }()
	go func() { failed <- follow(wait, file, h.Send) }()
	return <-failed
}

// follow calls send with the file's content after each wait, if the content is valid JSON and has changed.
func follow(wait func() error, file string, send func([]byte)) error {
	var last []byte
	for {
		if err := wait(); err != nil {
			return err
		}
		content, err := os.ReadFile(file)
		if err != nil || !json.Valid(content) || bytes.Equal(content, last) {
			continue // an empty file is also not valid JSON
		}
		last = content
		send(content)
	}
}
