package eventlog_test

import (
	"fmt"
	"log/slog"
	"os"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// A client reads from its own position. The journal keeps events and sequence numbers across a restart.
func Example() {
	dir, err := os.MkdirTemp("", "eventlog")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	log := mustOpen(dir)
	log.Append(mustDecode(`{"timestamp":1}`), mustDecode(`{"timestamp":2}`))
	position := log.Head()
	if err := log.Close(); err != nil {
		panic(err)
	}

	log = mustOpen(dir)
	defer log.Close()
	log.Append(mustDecode(`{"timestamp":3}`))
	printAfter(log, log.Start())
	fmt.Println("resumed:")
	printAfter(log, position)
	// Output:
	// 1 {"timestamp":1}
	// 2 {"timestamp":2}
	// 3 {"timestamp":3}
	// resumed:
	// 3 {"timestamp":3}
}

func mustOpen(dir string) *eventlog.Log {
	log, err := eventlog.Open(dir, eventlog.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	return log
}

func mustDecode(document string) schema.Event {
	ev, _, err := schema.Decode([]byte(document), 1<<20)
	if err != nil {
		panic(err)
	}
	return ev
}

// printAfter prints the records after a position.
func printAfter(log *eventlog.Log, at schema.Position) {
	records, _, _, err := log.Read(nil, at.Seq, 1<<20)
	if err != nil {
		panic(err)
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
