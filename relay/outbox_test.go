package relay_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay"
	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// firstLine is the time of second 0 of an outbox. It is later than the event files that tests write, since these
// are written now.
var firstLine = time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)

// line returns a line of an outbox that is written at this second.
func line(epoch string, seq uint64, second int, document string) string {
	stamp := schema.Stamp{
		Position: schema.Position{Epoch: epoch, Seq: seq},
		Time:     firstLine.Add(time.Duration(second) * time.Second),
	}
	return string(schema.Line{Stamp: stamp, Document: []byte(document)}.Append(nil))
}

// outboxCases have contents that a relay ingests one after the other, and the titles that it relays. A content is
//
//	1A           the event file with a post with timestamp 1 and title A
//	a2@3:1A      line 2 of the outbox with epoch a, written at second 3, with the same post
//	a2@3:[]      the same line with a document that is not an event
//	torn         a line of the outbox that is not complete
//	restart      a restart of the relay
var outboxCases = []struct {
	name     string
	contents string
	want     string
	missed   uint64 // lines that count as overwritten
}{
	{"each line is an event, the file repeats it", "a1@1:1A 1A a2@2:2B a3@3:2C 2B 2C", "A B C", 0},
	{"equal lines are two events", "a1@1:1A a2@2:1A 1A", "A A", 0},
	{"a repeated line is no event", "a1@1:1A a2@2:2B a1@1:1A a2@2:2B a3@3:3C", "A B C", 0},
	{
		"a repeated line after a restart is no event",
		"a1@1:1A a2@2:2B restart a1@1:1A a2@2:2B a3@3:3C 3C", "A B C", 0,
	},
	{"missing lines are counted", "a1@1:1A a5@2:2B restart a7@3:3C", "A B C", 4},
	{"the companion is installed", "1A a1@1:2B 2B a2@2:3C 3C", "A B C", 0},
	{
		"the companion was installed before the relay knew the outbox",
		"1A 2B restart a1@-7200:1A a2@-7200:2B 2B a3@1:3C", "A B C", 0,
	},
	{"the companion is removed", "a1@1:1A 1A 2B restart a1@1:1A 2B 3C", "A B C", 0},
	{"the companion is installed again", "a1@1:1A 2B a2@2:3C 3C", "A B C", 0},
	{"the file is read before the outbox", "a1@1:1A 2B a2@2:2B a3@3:2B 2B", "A B B", 0},
	{"a new outbox starts at 1", "a1@1:1A a2@2:2B b1@3:3C restart b1@3:3C b2@4:4D", "A B C D", 0},
	{
		"lines of an older outbox are no events",
		"b1@-7203:3C restart a1@-7205:1A a2@-7204:2B b1@-7203:3C b2@4:4D", "C D", 0,
	},
	{
		"after a deployment, both outboxes grow and the newer one is read late",
		"a1@1:1A 1A b1@4:2B 2B a2@2:3C b2@5:4D a3@6:5E c1@3:6F restart b2@5:4D a3@6:5E c1@3:6F a4@7:7G", "A B C D E F G", 0,
	},
	{
		"a restored outbox uses sequence numbers again",
		"a1@1:1A a2@2:2B a1@1:1A a2@3:3C a3@4:4D", "A B C D", 0,
	},
	{"the clock of another host is behind", "a1@10:1A a2@5:2B a3@11:3C a2@5:2B", "A B C", 0},
	{
		"the clock is set back: repeated lines are no events",
		"a1@10:1A a2@5:2B a1@10:1A a2@5:2B restart a1@10:1A a2@5:2B a3@6:3C", "A B C", 0,
	},
	{
		"the clocks of hosts differ: repeated lines are no events",
		"a1@10:1A a2@12:2B a3@11:3C restart a1@10:1A a2@12:2B a3@11:3C a4@13:4D", "A B C D", 0,
	},
	{
		"the clock of the file server is ahead: the relay follows the outbox from the event that the file repeats",
		"1A a1@-7203:2B 2B a2@-7202:3C a3@-7201:4D 4D restart " +
			"a1@-7203:2B a2@-7202:3C a3@-7201:4D 4D a4@-7200:5E", "A B C D E", 0,
	},
	{
		"the relay learns of the outbox late, and the clock of its host is behind",
		"1A restart a1@-7200:1A 1A a2@-7300:2B", "A B", 0,
	},
	{"a restored backup of the site is no event", "a1@1:1A a2@2:2B 1A", "A B", 0},
	{"lines that are not events are ignored", "a1@1:1A a2@2:[] torn a3@3:3C", "A C", 0},
}

// outboxLine matches a line in outboxCases, filePost the post of an event file.
var (
	outboxLine = regexp.MustCompile(`^([a-z])(\d+)@(-?\d+):(.+)$`)
	filePost   = regexp.MustCompile(`^(\d+)([A-Z])$`)
)

// parseContent returns the content for a word of outboxCases.
func parseContent(t *testing.T, word string) (content string, isLine bool) {
	t.Helper()
	if word == "torn" {
		return `{"id":` + "\n", true
	}
	if m := outboxLine.FindStringSubmatch(word); m != nil {
		seq, _ := strconv.ParseUint(m[2], 10, 64)
		second, _ := strconv.Atoi(m[3])
		document := m[4]
		if document != "[]" {
			document, _ = parseContent(t, document)
		}
		return line(m[1], seq, second, document), true
	}
	m := filePost.FindStringSubmatch(word)
	if m == nil {
		t.Fatalf("cannot parse %q", word)
	}
	timestamp, _ := strconv.Atoi(m[1])
	return post(timestamp, m[2]), false
}

func TestEachOutboxEventIsRelayedOnce(t *testing.T) {
	for _, tc := range outboxCases {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			r, log := newRelay(t, dir, eventlog.Options{})
			missed := uint64(0)
			for word := range strings.FieldsSeq(tc.contents) {
				if word == "restart" {
					missed += r.Decisions().Counts()[relay.Overwritten]
					log.Close()
					r, log = newRelay(t, dir, eventlog.Options{})
					continue
				}
				if content, isLine := parseContent(t, word); isLine {
					ingestLine(t, r, content)
				} else {
					ingest(t, r, content)
				}
			}
			missed += r.Decisions().Counts()[relay.Overwritten]
			if got := titles(log); got != tc.want || missed != tc.missed {
				t.Errorf("relayed %q and missed %d, want %q and %d", got, missed, tc.want, tc.missed)
			}
		})
	}
}

// TestFirstLineIsRelayedIfTheFileIsReadLate reads an event file that was written before the first line of an outbox.
func TestFirstLineIsRelayedIfTheFileIsReadLate(t *testing.T) {
	r, log := newRelay(t, t.TempDir(), eventlog.Options{})
	if err := r.Ingest(t.Context(), []byte(post(1, "A")), firstLine.Add(-48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	ingestLine(t, r, line("a", 1, -24*3600, post(2, "B")))
	if got := titles(log); got != "A B" {
		t.Errorf("relayed %q, want A and B", got)
	}
}

// TestSkippedOutboxIsLoggedOnce reads old lines of an outbox that the relay does not know.
func TestSkippedOutboxIsLoggedOnce(t *testing.T) {
	eventLog, err := eventlog.Open(t.TempDir(), eventlog.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	defer eventLog.Close()
	var text bytes.Buffer
	r := relay.New(eventLog, relay.Options{Logger: slog.New(slog.NewTextHandler(&text, nil))})
	stop := run(t, r)
	ingestLine(t, r, line("b", 1, -7200, post(3, "C")))
	ingestLine(t, r, line("a", 1, -7300, post(1, "A")))
	ingestLine(t, r, line("a", 2, -7299, post(2, "B")))
	stop()
	if n := strings.Count(text.String(), "outbox is older than the newest event"); n != 1 {
		t.Errorf("logged %d times, want once:\n%s", n, &text)
	}
}

// TestLinesOlderThanTheLogAreNotRelayedAgain restarts a relay whose outbox holds more events than its log.
func TestLinesOlderThanTheLogAreNotRelayedAgain(t *testing.T) {
	dir := t.TempDir()
	for restart, want := range []uint64{20, 1} {
		r, log := newRelay(t, dir, eventlog.Options{Records: 3})
		for n := 1; n <= 20+restart; n++ {
			ingestLine(t, r, line("a", uint64(n), n, post(n, fmt.Sprint(n))))
		}
		if n := r.Decisions().Counts()[relay.Relayed]; n != want {
			t.Errorf("run %d relayed %d lines, want %d", restart+1, n, want)
		}
		log.Close()
	}
}

func ingestLine(t testing.TB, r *relay.Relay, text string) {
	t.Helper()
	if err := r.IngestLine(t.Context(), []byte(text)); err != nil {
		t.Fatalf("IngestLine(%.60q): %v", text, err)
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// titles returns the titles of all events in the log.
func titles(log *eventlog.Log) string {
	var titles []string
	for _, rec := range log.Records() {
		_, title, _ := strings.Cut(string(rec.Event.Document), `"post_title":"`)
		titles = append(titles, strings.TrimSuffix(title, `"}`))
	}
	return strings.Join(titles, " ")
}
