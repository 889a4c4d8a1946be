package main

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// site is the working directory, the event file and the port of one server, and a second port for a server behind it.
type site struct {
	dir, file, port, inner string
}

// newSite returns a site below parent.
func newSite(parent string) (site, error) {
	dir, err := os.MkdirTemp(parent, "wpre-bench-")
	if err != nil {
		return site{}, err
	}
	s := site{dir: dir, file: filepath.Join(dir, "realtime-events", "latest_event.json")}
	var err2 error
	s.port, err = freePort()
	s.inner, err2 = freePort()
	if err := errors.Join(err, err2, os.Mkdir(filepath.Dir(s.file), 0o755)); err != nil {
		return site{}, errors.Join(err, s.remove())
	}
	return s, nil
}

func (s site) remove() error { return os.RemoveAll(s.dir) }

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}

// logFile returns the path of the server's standard error.
func (s site) logFile() string { return filepath.Join(s.dir, "stderr") }

// lastLogLine returns the last message that the server logged, or "".
func (s site) lastLogLine() string {
	log, _ := os.ReadFile(s.logFile())
	return lastMessage(string(log))
}

// lastMessage returns the last error message of wpre-relay in a log, or the last line if there is none.
func lastMessage(log string) string {
	log = strings.TrimSpace(log)
	start := strings.LastIndex(log, "wpre-relay: ")
	if start < 0 {
		start = strings.LastIndex(log, "\n") + 1
	}
	return strings.Join(strings.Fields(log[start:]), " ")
}
