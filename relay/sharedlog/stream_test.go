package sharedlog_test

import (
	"context"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/sharedlog"
)

// TestOnlyJoinedStreamServesAndRuns checks the method sets: before Join there is no mirror to serve or to run.
func TestOnlyJoinedStreamServesAndRuns(t *testing.T) {
	type server interface{ Log() *eventlog.Reader }
	type runner interface{ Run(context.Context) error }
	opened, err := sharedlog.Open(newFakeEngine(), nil, sharedlog.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := any(opened).(server); ok {
		t.Error("Stream must not have method Log")
	}
	if _, ok := any(opened).(runner); ok {
		t.Error("Stream must not have method Run")
	}
	joined, err := opened.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := any(joined).(server); !ok {
		t.Error("Joined lacks method Log")
	}
	if _, ok := any(joined).(runner); !ok {
		t.Error("Joined lacks method Run")
	}
}
