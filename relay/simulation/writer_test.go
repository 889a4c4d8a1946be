package simulation

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// writer is WordPress with the plugin: it truncates the event file, writes it and sets its mode. Its clock may differ
// from the relay's, and jump.
type writer struct {
	path    string
	skew    time.Duration
	number  int
	newest  string         // the newest complete document that was begun
	written []string       // the newest documents, at most keptDocuments, the oldest first
	repeats map[string]int // how often each document was written again
	content string         // of the event file
	exists  bool           // the event file exists
	late    bool           // the file's time is after the relay's clock
	tell    *notifications
}

// keptDocuments is fewer than the relay remembers.
const keptDocuments = 8

func newWriter(dir string) *writer {
	w := &writer{
		path:    filepath.Join(dir, "realtime-events", "latest_event.json"),
		repeats: make(map[string]int),
	}
	if err := os.MkdirAll(filepath.Dir(w.path), 0o700); err != nil {
		panic(err)
	}
	return w
}

func (w *writer) now() time.Time { return time.Now().Add(w.skew) }

// document returns a new document.
func (w *writer) document(random *rand.Rand) string {
	w.number++
	padding := random.IntN(200)
	if random.IntN(12) == 0 {
		padding = random.IntN(20 << 10)
	}
	w.newest = fmt.Sprintf(`{"timestamp":%d,"type":"%c","n":%d,"x":"%s"}`,
		w.now().Unix(), 'a'+rune(random.IntN(2)), w.number, strings.Repeat("x", padding))
	w.written = append(w.written, w.newest)
	w.written = w.written[max(0, len(w.written)-keptDocuments):]
	return w.newest
}

// announce queues a notification about the event file.
func (w *writer) announce(op fsnotify.Op) {
	if w.tell != nil {
		w.tell.announce(w.path, op)
	}
}

// set makes content the file's content, without a notification.
func (w *writer) set(content string) {
	file, err := os.OpenFile(w.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = file.WriteString(content)
		file.Close()
	}
	if err == nil {
		err = os.Chtimes(w.path, w.now(), w.now())
	}
	if err != nil {
		panic(err)
	}
	w.content, w.exists, w.late = content, true, w.skew > 0
}

// begin truncates the file, or creates it.
func (w *writer) begin() {
	op := fsnotify.Write
	if !w.exists {
		op = fsnotify.Create
	}
	w.set("")
	w.announce(op)
}

// append adds a part of the document.
func (w *writer) append(part string) {
	w.set(w.content + part)
	w.announce(fsnotify.Write)
}

// end sets the mode, which is the end of each write by the plugin.
func (w *writer) end() { w.announce(fsnotify.Chmod) }

// write writes a whole document.
func (w *writer) write(document string) {
	w.begin()
	w.append(document)
	w.end()
}

// remove removes the file.
func (w *writer) remove() {
	if os.Remove(w.path) == nil {
		w.content, w.exists = "", false
		w.announce(fsnotify.Remove)
	}
}
