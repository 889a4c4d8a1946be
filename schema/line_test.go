package schema_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"wpre-relay/schema"
)

func TestPositionsAreParsedBack(t *testing.T) {
	want := schema.Position{Epoch: "k3x9a2mq", Seq: 1<<64 - 1}
	if got, err := schema.ParsePosition(want.String()); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, s := range []string{"", "-", "17", "-17", "a-", "a--1", "a-1x", "a-18446744073709551616", "a- 1"} {
		if got, err := schema.ParsePosition(s); err == nil {
			t.Errorf("%q was taken for %v", s, got)
		}
	}
}

// lines are texts that a program of another making has made, PHP's, and what they say.
var lines = map[string]schema.Line{
	`{"id":"k3x9a2mq-17","at":"2026-11-24T17:02:53.123456Z","sum":"d614403e","event":{"timestamp":1}}` + "\n": {
		Stamp:    schema.Stamp{Position: schema.Position{Epoch: "k3x9a2mq", Seq: 17}, Time: time.Date(2026, 11, 24, 17, 2, 53, 123456000, time.UTC)},
		Document: []byte(`{"timestamp":1}`),
	},
	`{"id":"abc-1","at":"2026-11-24T17:02:53.000001Z","from":{"id":"k3x9a2mq-17","at":"2026-11-24T17:02:53.123456Z"},"sum":"9535353f","event":{"timestamp":"\",\"sum\":\""}}` + "\n": {
		Stamp:    schema.Stamp{Position: schema.Position{Epoch: "abc", Seq: 1}, Time: time.Date(2026, 11, 24, 17, 2, 53, 1000, time.UTC)},
		From:     schema.Stamp{Position: schema.Position{Epoch: "k3x9a2mq", Seq: 17}, Time: time.Date(2026, 11, 24, 17, 2, 53, 123456000, time.UTC)},
		Document: []byte(`{"timestamp":"\",\"sum\":\""}`),
	},
}

func TestLinesAreParsedBack(t *testing.T) {
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

func TestNoChangeOfALineGoesUnseen(t *testing.T) {
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
