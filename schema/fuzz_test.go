package schema_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"wpre-relay/schema"
)

// FuzzDecode checks that a decoded event is complete, valid, compact, has a timestamp, and decodes to itself.
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
		if want := compacted(t, file[:len(file)-len(tail)]); string(ev.Document) != want {
			t.Fatalf("document %q, want %q", ev.Document, want)
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

// compacted returns a document without white space, as encoding/json does it.
func compacted(t *testing.T, document []byte) string {
	t.Helper()
	var compact bytes.Buffer
	if err := json.Compact(&compact, document); err != nil {
		t.Fatalf("Decode accepts a document that is not valid: %q: %v", document, err)
	}
	return compact.String()
}

// TestDecodeAcceptsWhatEncodingJSONAccepts decodes random texts, most of which are nearly JSON.
func TestDecodeAcceptsWhatEncodingJSONAccepts(t *testing.T) {
	tokens := strings.Fields(`{ } [ ] , : "" "a" "timestamp" "\u00e9" "\uD83D" "\" "\\" "\x" "\u12" "é" 0 -0 -
		01 12 1.5 1. .5 1e3 1E-3 1e+ e true false null nul tru nulls /`)
	tokens = append(tokens, " ", "\n", "\r\n\t", "\v", "\x00", "\x1f", "\"\n\"", "\"\x7f\"",
		strings.Repeat("[", 70), strings.Repeat("]", 70))
	accepted := 0
	for range 200_000 {
		var text strings.Builder
		text.WriteString(`{"timestamp":1,"x":`)
		for range rand.IntN(8) {
			text.WriteString(tokens[rand.IntN(len(tokens))])
		}
		text.WriteString("}")
		file := []byte(text.String())
		ev, tail, err := schema.Decode(file, 0)
		if err != nil {
			var members map[string]json.RawMessage
			if json.Unmarshal(file, &members) == nil && string(members["timestamp"]) != "null" {
				t.Fatalf("%q: %v", file, err)
			}
			continue
		}
		accepted++
		if want := compacted(t, file[:len(file)-len(tail)]); string(ev.Document) != want {
			t.Fatalf("%q: document %q, want %q", file, ev.Document, want)
		}
	}
	if accepted < 1000 {
		t.Errorf("only %d texts were accepted", accepted)
	}
}
