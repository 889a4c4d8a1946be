package schema_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

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

func TestEventsOfThePluginAreRelayedByteForByte(t *testing.T) {
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

func TestNumbersKeepTheirSpelling(t *testing.T) {
	ev, _, err := schema.Decode(files(t, "valid")["raw-float.json"], 0)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"timestamp":1795426289.123,"x":1,"big":9223372036854775807,"e":1.0e+25,"tiny":0.30000000000000004}`
	if string(ev.Document) != want {
		t.Errorf("got %s, want %s", ev.Document, want)
	}
}

func TestEveryProperPrefixIsIncompleteAndNeverAnEvent(t *testing.T) {
	for name, file := range files(t, "valid") {
		whole := bytes.TrimSpace(file)
		for n := range whole {
			if schema.Complete(whole[:n]) {
				t.Errorf("%s: the first %d bytes count as complete", name, n)
			}
			if ev, _, err := schema.Decode(whole[:n], 0); err == nil {
				t.Errorf("%s: the first %d bytes decode as %s", name, n, ev.Document)
			}
		}
	}
}

func TestTornFilesGiveTheirFirstDocument(t *testing.T) {
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

// TestATailOfAnyLengthIsSalvaged overlaps every pair of valid files as two writers do: the shorter one over the
// beginning of the longer.
func TestATailOfAnyLengthIsSalvaged(t *testing.T) {
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

func TestErrorsNameTheFieldOrTheOffset(t *testing.T) {
	for _, tc := range []struct {
		file, want string
		max        int
	}{
		{file: "", want: "the file is empty (at byte 0)"},
		{file: " \n", want: "the file is empty (at byte 0)"},
		{file: "[]", want: "the document is a list, not an object (at byte 0)"},
		{file: "  42", want: "the document is a number, not an object (at byte 2)"},
		{file: "null", want: "the file does not begin with a JSON object (at byte 0)"},
		{file: "\xef\xbb\xbf{}", want: "the file does not begin with a JSON object (at byte 0)"},
		{file: "{}", want: `field "timestamp": it is missing`},
		{file: `{"timestamp":null}`, want: `field "timestamp": it is null`},
		{file: `{"timestamp":1`, want: "the document is cut off (at byte 14)"},
		{file: `{"timestamp":1,"a":tru}`, want: "not valid JSON: invalid character '}' in literal true (expecting 'e') (at byte 22)"},
		{file: `  {"timestamp":1,`, want: "the document is cut off (at byte 17)"},
		{file: `  {"timestamp":1,]`, want: "not valid JSON: invalid character ']' looking for beginning of object key string (at byte 17)"},
		{file: "{\"timestamp\":\"\xff\"}", want: "the text is not valid UTF-8 (at byte 14)"},
		{file: `{"timestamp":1,"a":"123456"}`, max: 20, want: "the document is larger than 20 bytes (at byte 20)"},
		{file: strings.Repeat(" ", 30) + "{}", max: 20, want: "the document is larger than 20 bytes (at byte 20)"},
		{file: strings.Repeat("[", 30), max: 20, want: "the document is a list, not an object (at byte 0)"},
		{file: `{"timestamp":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}", want: "not valid JSON: invalid character '[' exceeded max depth (at byte "},
	} {
		_, _, err := schema.Decode([]byte(tc.file), tc.max)
		var schemaErr *schema.Error
		if !errors.As(err, &schemaErr) {
			t.Errorf("Decode(%.40q) = %v, want an *Error", tc.file, err)
		} else if !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("Decode(%.40q):\n got %s\nwant %s", tc.file, err, tc.want)
		}
	}
}

func TestASizeAtTheLimitPasses(t *testing.T) {
	const doc = `{"timestamp":1}`
	if _, _, err := schema.Decode([]byte(doc), len(doc)); err != nil {
		t.Error(err)
	}
	if _, tail, err := schema.Decode([]byte(doc+"tail"), len(doc)); err != nil || string(tail) != "tail" {
		t.Errorf("with a tail beyond the limit: tail %q, error %v", tail, err)
	}
	if _, _, err := schema.Decode([]byte(doc), len(doc)-1); err == nil {
		t.Error("a document one byte over the limit passed")
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
		t.Error("a list counts as a time")
	}
}

func TestTypeIsReadOnlyIfItIsAString(t *testing.T) {
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

// TestJSONSchemaAgrees holds event.schema.json against Decode on every file of testdata. Where a file is no JSON
// at all there is nothing that a schema could say.
func TestJSONSchemaAgrees(t *testing.T) {
	compiled, err := jsonschema.NewCompiler().Compile("event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	judged := 0
	for _, dir := range []string{"valid", "invalid", "torn"} {
		for name, file := range files(t, dir) {
			ev, _, decodeErr := schema.Decode(file, 0)
			doc := bytes.TrimSpace(file)
			if decodeErr == nil {
				doc = ev.Document
			}
			value, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
			if err != nil || name == "not-utf8.json" {
				if decodeErr == nil {
					t.Errorf("%s/%s: Decode takes it, the schema's reader says %v", dir, name, err)
				}
				continue
			}
			judged++
			if schemaErr := compiled.Validate(value); (schemaErr == nil) != (decodeErr == nil) {
				t.Errorf("%s/%s: Decode says %v, the schema %v", dir, name, decodeErr, schemaErr)
			}
		}
	}
	if judged < 40 {
		t.Errorf("only %d files were judged by both", judged)
	}
}

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
			t.Fatalf("an event in a file that is not complete: %q", file)
		}
		if !json.Valid(ev.Document) {
			t.Fatalf("document is not JSON: %q", ev.Document)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(ev.Document, &members); err != nil {
			t.Fatalf("document is no object: %q: %v", ev.Document, err)
		}
		if timestamp, ok := members["timestamp"]; !ok || string(timestamp) == "null" {
			t.Fatalf("an event without timestamp: %q", ev.Document)
		}
		whole := bytes.TrimSpace(file[:len(file)-len(tail)])
		for _, n := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
			if schema.Complete(whole[:n]) {
				t.Fatalf("the first %d bytes of %q count as complete", n, whole)
			}
		}
		again, rest, err := schema.Decode(ev.Document, 1<<20)
		if err != nil || len(rest) > 0 || again.ID != ev.ID {
			t.Fatalf("%q does not decode to itself: %v", ev.Document, err)
		}
	})
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
