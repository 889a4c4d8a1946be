package schema_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"wpre-relay/schema"
)

// stamp returns a stamp with a time after 2026-11-24 17:02:53 UTC.
func stamp(epoch string, seq uint64, after time.Duration) schema.Stamp {
	second := time.Date(2026, 11, 24, 17, 2, 53, 0, time.UTC)
	return schema.Stamp{Position: schema.Position{Epoch: epoch, Seq: seq}, Time: second.Add(after)}
}

// lines are texts that PHP code wrote, and their parsed form.
var lines = map[string]schema.Line{
	`{"id":"k3x9a2mq-17","at":"2026-11-24T17:02:53.123456Z","sum":"d614403e","event":{"timestamp":1}}` + "\n": {
		Stamp:    stamp("k3x9a2mq", 17, 123456*time.Microsecond),
		Document: []byte(`{"timestamp":1}`),
	},
	`{"id":"abc-1","at":"2026-11-24T17:02:53.000001Z",` +
		`"from":{"id":"k3x9a2mq-17","at":"2026-11-24T17:02:53.123456Z"},"sum":"9535353f",` +
		`"event":{"timestamp":"\",\"sum\":\""}}` + "\n": {
		Stamp:    stamp("abc", 1, time.Microsecond),
		From:     stamp("k3x9a2mq", 17, 123456*time.Microsecond),
		Document: []byte(`{"timestamp":"\",\"sum\":\""}`),
	},
}

func TestParseLineReversesAppend(t *testing.T) {
	for text, want := range lines {
		got, err := schema.ParseLine([]byte(text))
		if err != nil || got.Stamp != want.Stamp || got.From != want.From || !bytes.Equal(got.Document, want.Document) {
			t.Errorf("ParseLine(%s) = %+v, %v, want %+v", text, got, err, want)
		}
		if back := want.Append(nil); string(back) != text {
			t.Errorf("Append gives %s, want %s", back, text)
		}
	}
}

func TestParseLineDetectsEveryChangedBit(t *testing.T) {
	for text := range lines {
		for i := range text {
			cut := []byte(text[:i])
			if _, err := schema.ParseLine(cut); !errors.Is(err, schema.ErrDamaged) {
				t.Errorf("ParseLine(%s) gives %v, want ErrDamaged", cut, err)
			}
			changed := []byte(text)
			changed[i] ^= 1
			if _, err := schema.ParseLine(changed); !errors.Is(err, schema.ErrDamaged) {
				t.Errorf("ParseLine(%s) gives %v, want ErrDamaged", changed, err)
			}
		}
	}
}
