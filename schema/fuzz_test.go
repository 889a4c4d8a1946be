package schema_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"wpre-relay/schema"
)

// FuzzDecode checks that a decoded event is complete, valid, has a timestamp, and decodes to itself.
func FuzzDecode(f *testing.F) {
	for _, dir := range []string{"valid", "invalid", "torn"} {
		for _, file := range files(f, dir) {
			f.Add(file)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		ev, tail, err := schema.Decode(file, 1<<20)
		if err != nil {
			return
		}
		if !schema.Complete(file) {
			t.Fatalf("Decode accepts a file that is not complete: %q", file)
		}
		if !json.Valid(ev.Document) {
			t.Fatalf("document is not JSON: %q", ev.Document)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(ev.Document, &members); err != nil {
			t.Fatalf("document is not an object: %q: %v", ev.Document, err)
		}
		if timestamp, ok := members["timestamp"]; !ok || string(timestamp) == "null" {
			t.Fatalf("Decode accepts an event without timestamp: %q", ev.Document)
		}
		whole := bytes.TrimSpace(file[:len(file)-len(tail)])
		for _, n := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
			if schema.Complete(whole[:n]) {
				t.Fatalf("Complete accepts the first %d bytes of %q", n, whole)
			}
		}
		again, rest, err := schema.Decode(ev.Document, 1<<20)
		if err != nil || len(rest) > 0 || again.ID != ev.ID {
			t.Fatalf("%q does not decode to itself: %v", ev.Document, err)
		}
	})
}
