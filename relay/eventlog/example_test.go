package eventlog_test

import (
	"fmt"
	"log"
	"log/slog"
	"os"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// A reader follows the log from its position. It blocks on the channel that Read returns.
func Example() {
	dir, err := os.MkdirTemp("", "eventlog")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := eventlog.Open(dir, eventlog.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer l.Close()

	seq := l.Head().Seq
	go func() {
		ev, _, err := schema.Decode([]byte(`{"timestamp":1795426189,"type":"post_saved"}`), 0)
		if err != nil {
			log.Fatal(err)
		}
		l.Append(ev)
	}()

	for seq == 0 {
		recs, upTo, grown, err := l.Read(nil, seq, 64<<10)
		if err != nil {
			log.Fatal(err)
		}
		for _, rec := range recs {
			fmt.Printf("%d: %s\n", rec.Position.Seq, rec.Event.Document)
		}
		if seq = upTo; len(recs) == 0 {
			<-grown
		}
	}
	// Output: 1: {"timestamp":1795426189,"type":"post_saved"}
}

// The journal keeps events and sequence numbers across a restart.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "eventlog")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	l := mustOpen(dir)
	l.Append(mustDecode(`{"timestamp":1}`), mustDecode(`{"timestamp":2}`))
	position := l.Head()
	if err := l.Close(); err != nil {
		log.Fatal(err)
	}

	l = mustOpen(dir)
	defer l.Close()
	l.Append(mustDecode(`{"timestamp":3}`))
	printAfter(l, l.Start())
	fmt.Println("resumed:")
	printAfter(l, position)
	// Output:
	// 1 {"timestamp":1}
	// 2 {"timestamp":2}
	// 3 {"timestamp":3}
	// resumed:
	// 3 {"timestamp":3}
}

func mustOpen(dir string) *eventlog.Log {
	l, err := eventlog.Open(dir, eventlog.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		log.Fatal(err)
	}
	return l
}

func mustDecode(document string) schema.Event {
	ev, _, err := schema.Decode([]byte(document), 1<<20)
	if err != nil {
		log.Fatal(err)
	}
	return ev
}

// printAfter prints the records after a position.
func printAfter(l *eventlog.Log, at schema.Position) {
	records, _, _, err := l.Read(nil, at.Seq, 1<<20)
	if err != nil {
		log.Fatal(err)
	}
	for _, record := range records {
		fmt.Printf("%d %s\n", record.Position.Seq, record.Event.Document)
	}
}

// A client whose position is older than the retained records gets a gap, and continues after it.
func ExampleGap() {
	gap := eventlog.Gap{
		Since: schema.Position{Epoch: "k3x9a2mq", Seq: 17},
		Until: schema.Position{Epoch: "k3x9a2mq", Seq: 40},
	}
	fmt.Printf("%s\n", gap.AppendJSON(nil))
	// Output:
	// {"since":"k3x9a2mq-17","until":"k3x9a2mq-40","missing":23}
}
