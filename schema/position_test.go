package schema_test

import (
	"testing"

	"wpre-relay/schema"
)

func TestParsePositionReversesString(t *testing.T) {
	want := schema.Position{Epoch: "k3x9a2mq", Seq: 1<<64 - 1}
	if got, err := schema.ParsePosition(want.String()); err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, s := range []string{"", "-", "17", "-17", "a-", "a--1", "a-1x", "a-18446744073709551616", "a- 1"} {
		if got, err := schema.ParsePosition(s); err == nil {
			t.Errorf("ParsePosition(%q) = %v, want an error", s, got)
		}
	}
}
