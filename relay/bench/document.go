package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// post is the plugin's event for a saved post, in its order of fields.
type post struct {
	Timestamp int64  `json:"timestamp"`
	Type      string `json:"type"`
	PostID    int    `json:"post_id"`
	PostTitle string `json:"post_title"`
	Status    string `json:"status"`
	IsUpdate  bool   `json:"is_update"`
}

// eventDocument returns event n as the plugin writes it, padded to size bytes by its title. The document is longer if
// it exceeds size without a title.
func eventDocument(n, size int) ([]byte, error) {
	event := post{Timestamp: time.Now().Unix(), Type: "post_saved", PostID: n, Status: "publish", IsUpdate: true}
	doc, err := json.MarshalIndent(event, "", "    ")
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	event.PostTitle = strings.Repeat("x", max(0, size-len(doc)))
	return json.MarshalIndent(event, "", "    ")
}

// writeFile writes doc to path as PHP does: it truncates the file, writes once and sets the mode.
func writeFile(path string, doc []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return fmt.Errorf("write event: %w; set --write to the event file, in a directory that you can write to", err)
	}
	_, err = file.Write(doc)
	if err := errors.Join(err, file.Close(), os.Chmod(path, 0o644)); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	return nil
}
