package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"wpre-relay/schema"
)

// Site is a temporary directory that simulates WordPress's root. Its methods may be called concurrently.
type Site struct {
	Root string // the directory
	File string // the event file, which does not exist until a post is saved

	recorder *Recorder

	mu    sync.Mutex // held while the event file is written, so that no two writes overlap
	posts int        // number of saved posts; guarded by mu
}

// NewSite creates a site whose saved posts are traced by recorder. The caller removes Root.
func NewSite(recorder *Recorder) (*Site, error) {
	root, err := os.MkdirTemp("", "wpre-relay-demo-")
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(root, "wp-content", "realtime-events")
	site := &Site{Root: root, File: filepath.Join(dir, "latest_event.json"), recorder: recorder}
	return site, os.MkdirAll(dir, 0o755)
}

// post is the plugin's event for a saved post, in its order of fields.
type post struct {
	Timestamp int64  `json:"timestamp"`
	Type      string `json:"type"`
	PostID    int    `json:"post_id"`
	PostTitle string `json:"post_title"`
	Status    string `json:"status"`
	IsUpdate  bool   `json:"is_update"`
}

// Save writes the event of a new post to the event file, and returns the post's number, which counts from 1.
func (s *Site) Save(title, status string) (number int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.posts++
	p := post{time.Now().Unix(), "post_saved", s.posts, title, status, false}
	content, err := json.MarshalIndent(p, "", "    ")
	if err != nil {
		return 0, fmt.Errorf("encode event: %w", err)
	}
	event, _, err := schema.Decode(content, 0)
	if err != nil {
		return 0, fmt.Errorf("encode event: %w", err)
	}
	written := s.recorder.begin(p, content, event.ID)
	if err := write(s.File, content); err != nil {
		return 0, fmt.Errorf("save post: %w", err)
	}
	written()
	return s.posts, nil
}

// write writes the event file as the plugin does: it creates the directory if needed, truncates the file, writes once
// and sets the mode.
func write(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(file, content, 0o644); err != nil {
		return err
	}
	return os.Chmod(file, 0o644)
}
