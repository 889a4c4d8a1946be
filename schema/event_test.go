package schema_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"wpre-relay/schema"
)

// files returns the contents of testdata/dir by base name.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "testdata", dir, "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files in testdata/%s (%v)", dir, err)
	}
	contents := make(map[string][]byte)
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contents[filepath.Base(path)] = b
	}
	return contents
}

func TestDecodeOnlyRemovesWhiteSpace(t *testing.T) {
	for name, file := range files(t, "valid") {
		ev, tail, err := schema.Decode(file, 0)
		if err != nil || len(tail) > 0 {
			t.Errorf("%s: tail %q, error %v, want neither", name, tail, err)
			continue
		}
		var want bytes.Buffer
		if err := json.Compact(&want, bytes.TrimSpace(file)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ev.Document, want.Bytes()) {
			t.Errorf("%s:\n got %s\nwant %s", name, ev.Document, want.Bytes())
		}
		if !schema.Complete(file) {
			t.Errorf("%s is not complete", name)
		}
	}
}

func TestDecodeKeepsTheSpellingOfNumbers(t *testing.T) {
	ev, _, err := schema.Decode(files(t, "valid")["raw-float.json"], 0)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"timestamp":1795426289.123,"x":1,"big":9223372036854775807,"e":1.0e+25,"tiny":0.30000000000000004}`
	if string(ev.Document) != want {
		t.Errorf("got %s, want %s", ev.Document, want)
	}
}

func TestProperPrefixIsIncompleteAndNotAnEvent(t *testing.T) {
	for name, file := range files(t, "valid") {
		whole := bytes.TrimSpace(file)
		for n := range whole {
			if schema.Complete(whole[:n]) {
				t.Errorf("%s: Complete accepts the first %d bytes", name, n)
			}
			if ev, _, err := schema.Decode(whole[:n], 0); err == nil {
				t.Errorf("%s: Decode accepts the first %d bytes as %s", name, n, ev.Document)
			}
		}
	}
}

func TestDecodeReturnsTheFirstDocumentOfATornFile(t *testing.T) {
	for name, file := range files(t, "torn") {
		ev, tail, err := schema.Decode(file, 0)
		if err != nil || len(tail) == 0 {
			t.Errorf("%s: tail %q, error %v, want a tail and no error", name, tail, err)
			continue
		}
		if !json.Valid(ev.Document) || !bytes.HasSuffix(file, tail) {
			t.Errorf("%s: document %s, tail %q", name, ev.Document, tail)
		}
	}
}

// TestDecodeIgnoresATailOfAnyLength overlaps every pair of valid files as two writers do: the shorter one replaces the
// start of the longer one.
func TestDecodeIgnoresATailOfAnyLength(t *testing.T) {
	valid := files(t, "valid")
	for shortName, short := range valid {
		short = bytes.TrimSpace(short)
		for longName, long := range valid {
			if len(long) <= len(short) {
				continue
			}
			torn := append(bytes.Clone(short), long[len(short):]...)
			ev, _, err := schema.Decode(torn, 0)
			want, _, _ := schema.Decode(short, 0)
			if err != nil || ev.ID != want.ID {
				t.Errorf("%s over %s: got %s, %v", shortName, longName, ev.Document, err)
			}
		}
	}
}

func TestDecodeAcceptsADocumentOfExactlyTheLimit(t *testing.T) {
	const doc = `{"timestamp":1}`
	if _, _, err := schema.Decode([]byte(doc), len(doc)); err != nil {
		t.Error(err)
	}
	if _, tail, err := schema.Decode([]byte(doc+"tail"), len(doc)); err != nil || string(tail) != "tail" {
		t.Errorf("tail beyond the limit: tail %q, error %v", tail, err)
	}
	if _, _, err := schema.Decode([]byte(doc), len(doc)-1); err == nil {
		t.Error("a document one byte over the limit is accepted")
	}
}

func TestBeforeComparesTimestamps(t *testing.T) {
	decode := func(timestamp string) schema.Event {
		ev, _, err := schema.Decode([]byte(`{"timestamp":`+timestamp+`}`), 0)
		if err != nil {
			t.Fatal(err)
		}
		return ev
	}
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"1795426188", "1795426189", true},
		{"1795426189", "1795426189", false},
		{"1795426189", "1795426188.5", false},
		{`"1795426188"`, "1795426189", true},
		{`" 1795426188 "`, "1795426189", true},
		{`"yesterday"`, "1795426189", false},
		{"1795426189", `"tomorrow"`, false},
		{"false", "1", false},
		{"{}", "1", false},
		{"1e400", "1", false},
		{"-1e400", "1", false},
	} {
		if got := decode(tc.a).Before(decode(tc.b)); got != tc.want {
			t.Errorf("%s before %s: got %v, want %v", tc.a, tc.b, got, tc.want)
		}
	}
	if !math.IsNaN(decode("[]").Seconds) {
		t.Error("an array has a time")
	}
}

func TestTypeIsEmptyUnlessItIsAString(t *testing.T) {
	for file, want := range map[string]string{
		`{"timestamp":1,"type":"post_saved"}`:            "post_saved",
		`{"timestamp":1,"type":"a","type":"b"}`:          "b",
		`{"timestamp":1,"type":"\u00fc"}`:                "ü",
		`{"timestamp":1,"type":7}`:                       "",
		`{"timestamp":1}`:                                "",
		`{"x":{"type":"no"},"timestamp":1,"type":"yes"}`: "yes",
	} {
		ev, _, err := schema.Decode([]byte(file), 0)
		if err != nil || ev.Type != want {
			t.Errorf("%s: type %q, error %v, want %q", file, ev.Type, err, want)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"plain.json", "unicode.json"} {
		file := files(b, "valid")[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(file)))
			for b.Loop() {
				if _, _, err := schema.Decode(file, 1<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
