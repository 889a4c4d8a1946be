package eventlog_test

import (
	"fmt"
	"log"
	"os"

	"wpre-relay/relay/eventlog"
	"wpre-relay/schema"
)

// A reader follows the log from a position of its own. It blocks on the channel that Read returns.
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
