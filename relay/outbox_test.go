package relay_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// start is when the first line of an outbox is written, in tests: after all that they do to the plugin's file before.
var start = time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)

// line returns the line of an outbox that is written n seconds after start.
func line(epoch string, seq uint64, n int, document string) string {
	stamp := schema.Stamp{Position: schema.Position{Epoch: epoch, Seq: seq}, Time: start.Add(time.Duration(n) * time.Second)}
	return string(schema.Line{Stamp: stamp, Document: []byte(document)}.Append(nil))
}

// a sequence of contents, of the file and of the outbox, that a relay takes in, and the titles that it relays of them.
var outboxes = []struct {
	name     string
	contents []string // lines of the outbox begin with {"id"; "restart" is a restart
	want     string
	missed   uint64 // how many are counted as overwritten
}{
	{
		name:     "each line is an event, and the file says nothing new",
		contents: []string{line("a", 1, 1, post(1, "A")), post(1, "A"), line("a", 2, 2, post(2, "B")), line("a", 3, 3, post(2, "C")), post(2, "B"), post(2, "C")},
		want:     "A B C",
	},
	{
		name:     "equal events are two if the lines are",
		contents: []string{line("a", 1, 1, post(1, "A")), line("a", 2, 2, post(1, "A")), post(1, "A")},
		want:     "A A",
	},
	{
		name:     "a line that comes again is none",
		contents: []string{line("a", 1, 1, post(1, "A")), line("a", 2, 2, post(2, "B")), line("a", 1, 1, post(1, "A")), line("a", 2, 2, post(2, "B")), line("a", 3, 3, post(3, "C"))},
		want:     "A B C",
	},
	{
		name:     "also after a restart",
		contents: []string{line("a", 1, 1, post(1, "A")), line("a", 2, 2, post(2, "B")), "restart", line("a", 1, 1, post(1, "A")), line("a", 2, 2, post(2, "B")), line("a", 3, 3, post(3, "C")), post(3, "C")},
		want:     "A B C",
	},
	{
		name:     "numbers that are missing are counted",
		contents: []string{line("a", 1, 1, post(1, "A")), line("a", 5, 2, post(2, "B")), "restart", line("a", 7, 3, post(3, "C"))},
		want:     "A B C",
		missed:   4,
	},
	{
		name:     "the companion comes: what the file said before is not said again",
		contents: []string{post(1, "A"), line("a", 1, 1, post(2, "B")), post(2, "B"), line("a", 2, 2, post(3, "C")), post(3, "C")},
		want:     "A B C",
	},
	{
		name:     "the companion has been there for longer than the relay knows of it",
		contents: []string{post(1, "A"), post(2, "B"), "restart", line("a", 1, -7200, post(1, "A")), line("a", 2, -7200, post(2, "B")), post(2, "B"), line("a", 3, 1, post(3, "C"))},
		want:     "A B C",
	},
	{
		name:     "the companion goes: the file goes on",
		contents: []string{line("a", 1, 1, post(1, "A")), post(1, "A"), post(2, "B"), "restart", line("a", 1, 1, post(1, "A")), post(2, "B"), post(3, "C")},
		want:     "A B C",
	},
	{
		name:     "and comes back",
		contents: []string{line("a", 1, 1, post(1, "A")), post(2, "B"), line("a", 2, 2, post(3, "C")), post(3, "C")},
		want:     "A B C",
	},
	{
		name:     "the file is quicker than the outbox",
		contents: []string{line("a", 1, 1, post(1, "A")), post(2, "B"), line("a", 2, 2, post(2, "B")), line("a", 3, 3, post(2, "B")), post(2, "B")},
		want:     "A B B",
	},
	{
		name:     "a new outbox, with numbers from 1",
		contents: []string{line("a", 1, 1, post(1, "A")), line("a", 2, 2, post(2, "B")), line("b", 1, 3, post(3, "C")), "restart", line("b", 1, 3, post(3, "C")), line("b", 2, 4, post(4, "D"))},
		want:     "A B C D",
	},
	{
		name:     "an outbox of former times is none",
		contents: []string{line("b", 1, 3, post(3, "C")), "restart", line("a", 1, 1, post(1, "A")), line("a", 2, 2, post(2, "B")), line("b", 1, 3, post(3, "C")), line("b", 2, 4, post(4, "D"))},
		want:     "C D",
	},
	{
		name:     "a backup of the outbox: numbers are given again",
		contents: []string{line("a", 1, 1, post(1, "A")), line("a", 2, 2, post(2, "B")), line("a", 1, 1, post(1, "A")), line("a", 2, 3, post(3, "C")), line("a", 3, 4, post(4, "D"))},
		want:     "A B C D",
	},
	{
		name:     "a line of another host whose clock is behind",
		contents: []string{line("a", 1, 10, post(1, "A")), line("a", 2, 5, post(2, "B")), line("a", 3, 11, post(3, "C")), line("a", 2, 5, post(2, "B"))},
		want:     "A B C",
	},
	{
		name:     "a clock that is set back: what comes again is none",
		contents: []string{line("a", 1, 10, post(1, "A")), line("a", 2, 5, post(2, "B")), line("a", 1, 10, post(1, "A")), line("a", 2, 5, post(2, "B")), "restart", line("a", 1, 10, post(1, "A")), line("a", 2, 5, post(2, "B")), line("a", 3, 6, post(3, "C"))},
		want:     "A B C",
	},
	{
		name:     "hosts whose clocks differ: what comes again is none",
		contents: []string{line("a", 1, 10, post(1, "A")), line("a", 2, 12, post(2, "B")), line("a", 3, 11, post(3, "C")), "restart", line("a", 1, 10, post(1, "A")), line("a", 2, 12, post(2, "B")), line("a", 3, 11, post(3, "C")), line("a", 4, 13, post(4, "D"))},
		want:     "A B C D",
	},
	{
		name: "the file's clock is ahead: the outbox is followed from what the file says",
		contents: []string{post(1, "A"), line("a", 1, -7203, post(2, "B")), post(2, "B"), line("a", 2, -7202, post(3, "C")), line("a", 3, -7201, post(4, "D")), post(4, "D"),
			"restart", line("a", 1, -7203, post(2, "B")), line("a", 2, -7202, post(3, "C")), line("a", 3, -7201, post(4, "D")), post(4, "D"), line("a", 4, -7200, post(5, "E"))},
		want: "A B C D E",
	},
	{
		name:     "the companion was there before the relay knew of it, on a host whose clock is behind",
		contents: []string{post(1, "A"), "restart", line("a", 1, -7200, post(1, "A")), post(1, "A"), line("a", 2, -7300, post(2, "B"))},
		want:     "A B",
	},
	{
		name:     "a backup of the site is none",
		contents: []string{line("a", 1, 1, post(1, "A")), line("a", 2, 2, post(2, "B")), post(1, "A")},
		want:     "A B",
	},
	{
		name:     "what is no event does no harm",
		contents: []string{line("a", 1, 1, post(1, "A")), line("a", 2, 2, "[]"), `{"id":` + "\n", line("a", 3, 3, post(3, "C"))},
		want:     "A C",
	},
}

// TestAFirstLineIsTakenThoughTheFileWasReadLate has the file written before the first line of an outbox, and read after it.
func TestAFirstLineIsTakenThoughTheFileWasReadLate(t *testing.T) {
	log := openLog(t, t.TempDir(), eventlog.Options{})
	r := relay.New(log, relay.Options{Logger: quiet})
	run(t, r)
	if err := r.Ingest(t.Context(), []byte(post(1, "A")), start.Add(-48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := r.IngestLine(t.Context(), []byte(line("a", 1, -24*3600, post(2, "B")))); err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := titles(log); got != "A B" {
		t.Errorf("%q are relayed, want A and B", got)
	}
}

func TestTheOutboxIsFollowed(t *testing.T) {
	for _, tc := range outboxes {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			log := openLog(t, dir, eventlog.Options{})
			r := relay.New(log, relay.Options{Logger: quiet})
			run(t, r)
			missed := uint64(0)
			for _, content := range tc.contents {
				switch {
				case content == "restart":
					missed += r.Decisions().Counts()[relay.Overwritten]
					log.Close()
					log = openLog(t, dir, eventlog.Options{})
					r = relay.New(log, relay.Options{Logger: quiet})
					run(t, r)
				case strings.HasPrefix(content, `{"id"`):
					if err := r.IngestLine(t.Context(), []byte(content)); err != nil {
						t.Fatal(err)
					}
					if err := r.Flush(t.Context()); err != nil {
						t.Fatal(err)
					}
				default:
					ingest(t, r, content)
				}
			}
			missed += r.Decisions().Counts()[relay.Overwritten]
			if got := titles(log); got != tc.want || missed != tc.missed {
				t.Errorf("%q are relayed and %d missed, want %q and %d", got, missed, tc.want, tc.missed)
			}
		})
	}
}

// titles returns those of all events in the log.
func titles(log *eventlog.Log) string {
	var titles []string
	for _, rec := range log.Records() {
		_, title, _ := strings.Cut(string(rec.Event.Document), `"post_title":"`)
		titles = append(titles, strings.TrimSuffix(title, `"}`))
	}
	return strings.Join(titles, " ")
}

// TestOldLinesAreKnownBeyondTheMemoryOfEvents restarts a relay whose outbox holds more than its log.
func TestOldLinesAreKnownBeyondTheMemoryOfEvents(t *testing.T) {
	dir := t.TempDir()
	for restart := range 2 {
		log := openLog(t, dir, eventlog.Options{Records: 3})
		r := relay.New(log, relay.Options{Logger: quiet})
		run(t, r)
		for n := 1; n <= 20+restart; n++ {
			if err := r.IngestLine(t.Context(), []byte(line("a", uint64(n), n, post(n, fmt.Sprint(n))))); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, want := r.Decisions().Counts()[relay.Relayed], []uint64{20, 1}[restart]; n != want {
			t.Errorf("%d lines are relayed by process %d, want %d", n, restart+1, want)
		}
		log.Close()
	}
}
