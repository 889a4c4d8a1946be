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

func TestTagIsFoundByEpoch(t *testing.T) {
	tagged := schema.Position{Epoch: "k3x9a2mq", Seq: 17, Tag: "0a1b2c3d"}
	plain := schema.Position{Epoch: "k3x9a2mq", Seq: 17}
	for _, test := range []struct{ written, want schema.Position }{
		{tagged, tagged},
		{plain, plain},
		{schema.Position{Epoch: "k3x9a2mq0a1b2c3", Seq: 17}, schema.Position{Epoch: "k3x9a2mq0a1b2c3", Seq: 17}},
		{schema.Position{Epoch: "another0", Seq: 17}, schema.Position{Epoch: "another0", Seq: 17}},
	} {
		parsed, err := schema.ParsePosition(test.written.String())
		if err != nil || parsed.String() != test.written.String() {
			t.Errorf("ParsePosition(%s) = %v, %v", test.written, parsed, err)
		}
		if got := parsed.In("k3x9a2mq"); got != test.want || got.In("k3x9a2mq") != got {
			t.Errorf("%s: In returns %+v, want %+v", test.written, got, test.want)
		}
	}
}
