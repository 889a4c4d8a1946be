package schema_test

import (
	"fmt"
	"time"

	"wpre-relay/schema"
)

// Decode returns the event without white space. The bytes that overlapping writers left behind it are the tail.
func ExampleDecode() {
	file := []byte(`{
	    "timestamp": 1795426189,
	    "type": "post_saved"
	}"}`)
	ev, tail, err := schema.Decode(file, 1<<20)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%s of type %s, tail %s\n", ev.Document, ev.Type, tail)
	// Output:
	// {"timestamp":1795426189,"type":"post_saved"} of type post_saved, tail "}
}

// An error names the field, and none of the content.
func ExampleDecode_error() {
	_, _, err := schema.Decode([]byte(`{"type":"post_saved"}`), 1<<20)
	fmt.Println(err)
	// Output:
	// field "timestamp": missing
}

// Complete tells a write in progress from a file that waiting does not improve.
func ExampleComplete() {
	fmt.Println(schema.Complete([]byte(`{"timestamp":17954`)))
	fmt.Println(schema.Complete([]byte(`{"timestamp":1795426189}`)))
	fmt.Println(schema.Complete([]byte(`not an object`)))
	// Output:
	// false
	// true
	// true
}

// A line of the journal or of the outbox holds an event with its position, its time and a checksum.
func ExampleLine() {
	line := schema.Line{
		Stamp: schema.Stamp{
			Position: schema.Position{Epoch: "k3x9a2mq", Seq: 17},
			Time:     time.Date(2026, 11, 24, 17, 2, 53, 123456000, time.UTC),
		},
		Document: []byte(`{"timestamp":1}`),
	}
	text := line.Append(nil)
	fmt.Printf("%s", text)

	parsed, err := schema.ParseLine(text)
	fmt.Println(parsed.Position, err)

	text[len(text)-5] ^= 1
	_, err = schema.ParseLine(text)
	fmt.Println(err)
	// Output:
	// {"id":"k3x9a2mq-17","at":"2026-11-24T17:02:53.123456Z","sum":"d614403e","event":{"timestamp":1}}
	// k3x9a2mq-17 <nil>
	// the line is damaged
}

func ExampleParsePosition() {
	position, err := schema.ParsePosition("k3x9a2mq-17")
	fmt.Println(position.Epoch, position.Seq, err)
	_, err = schema.ParsePosition("17")
	fmt.Println(err)
	// Output:
	// k3x9a2mq 17 <nil>
	// "17" is not a position (example: k3x9a2mq-17)
}
