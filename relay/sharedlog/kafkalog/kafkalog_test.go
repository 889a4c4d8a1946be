package kafkalog_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/testwait"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	l := startBroker(t)
	enginetest.Test(t, func() (sharedlog.Engine, error) { return open(l) }, false)
}

func TestJoinRejectsTopicWithTwoPartitions(t *testing.T) {
	engine, err := open(startBroker(t, kfake.SeedTopics(2, topic)))
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	if _, err := engine.Join(testwait.Context(t)); err == nil || !strings.Contains(err.Error(), "has 2 partitions") {
		t.Errorf("Join returns %v, want an error with the number of partitions", err)
	}
}

func TestReadSkipsDeletedEntries(t *testing.T) {
	l := startBroker(t)
	engine, info := connect(t, l)
	appendAll(t, engine, "a", "b", "c", "d")
	var upTo kadm.Offsets
	upTo.Add(kadm.Offset{Topic: topic, Partition: 0, At: 2})
	if _, err := newAdmin(t, l).DeleteRecords(testwait.Context(t), upTo); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, engine, info.Last, 2), []string{"c@3", "d@4"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	want := sharedlog.StreamInfo{Epoch: info.Epoch, First: 3, Last: 4}
	if got, err := engine.Join(testwait.Context(t)); err != nil || got != want {
		t.Errorf("Join returns %+v, %v, want %+v", got, err, want)
	}
}

func TestReadBeyondEndResetsStream(t *testing.T) {
	engine, info := connect(t, startBroker(t))
	err := engine.Read(testwait.Context(t), info.Last+1, func(entries []sharedlog.Entry) error {
		t.Errorf("got %v", entries)
		return nil
	})
	if !errors.Is(err, sharedlog.ErrStreamReset) {
		t.Errorf("got %v, want %v", err, sharedlog.ErrStreamReset)
	}
}

func TestRecreatedTopicResetsStream(t *testing.T) {
	t.Parallel()
	l := startBroker(t)
	engine, before := connect(t, l)
	appendAll(t, engine, "a", "b")
	var got []string
	result := startRead(t, engine, before.Last, func(entry sharedlog.Entry) { got = append(got, entry.ID) })
	if _, err := newAdmin(t, l).DeleteTopic(testwait.Context(t), topic); err != nil {
		t.Fatal(err)
	}
	other, recreated := connect(t, l)
	if recreated.Epoch == before.Epoch || recreated.First != 1 || recreated.Last != 0 {
		t.Errorf("Join of the new topic returns %+v, and %+v before", recreated, before)
	}
	appendAll(t, other, "x", "y", "z")
	err := <-result
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Read returns %v", err)
	}
	t.Log(err) // ErrStreamReset, or an unknown topic if the reader checked between deletion and creation
	if !slices.Equal(got, []string{"a", "b"}[:len(got)]) {
		t.Errorf("got %v from the former topic, want a and b at most", got)
	}
	if info, err := engine.Join(testwait.Context(t)); err != nil || info.Epoch != recreated.Epoch {
		t.Errorf("Join returns %+v, %v, want epoch %s", info, err, recreated.Epoch)
	}
	if got, want := read(t, engine, 0, 3), []string{"x@1", "y@2", "z@3"}; !slices.Equal(got, want) {
		t.Errorf("new topic: got %v, want %v", got, want)
	}
}

func BenchmarkAppendToRead(b *testing.B) {
	l := startBroker(b)
	writer, _ := connect(b, l)
	reader, _ := connect(b, l)
	enginetest.Benchmark(b, writer, reader)
}
