package natslog_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/testwait"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	server := enginetest.NATS(t)
	enginetest.Test(t, func() (sharedlog.Engine, error) { return open(server.Address, nil) }, true)
}

// resetTest is a server with two engines.
type resetTest struct {
	admin       jetstream.JetStream
	engine, two sharedlog.Engine
}

func TestDeletedStreamIsReportedAsReset(t *testing.T) {
	t.Parallel()
	server := enginetest.NATS(t)
	r := resetTest{newAdmin(t, server.Address), connect(t, server.Address), connect(t, server.Address)}
	t.Run("during Read", r.deletedDuringRead)
	t.Run("replaced during Read", r.replacedDuringRead)
	t.Run("before Read", r.deletedBeforeRead)
	t.Run("stream ends before the reader's position", r.shorterStream)
}

// startRead joins the stream, appends an entry and reads it.
func (r resetTest) startRead(t *testing.T) (*reading, sharedlog.StreamInfo) {
	info := join(t, r.engine)
	appendAll(t, r.engine, "a")
	reading := startRead(t, r.engine, 0)
	reading.want(t, 1, "a")
	return reading, info
}

func (r resetTest) deleteStream(t *testing.T) {
	t.Helper()
	if err := r.admin.DeleteStream(testwait.Context(t), streamName); err != nil {
		t.Fatal(err)
	}
}

func wantReset(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, sharedlog.ErrStreamReset) {
		t.Errorf("got %v, want %v", err, sharedlog.ErrStreamReset)
	}
}

func (r resetTest) deletedDuringRead(t *testing.T) {
	reading, _ := r.startRead(t)
	r.deleteStream(t)
	wantReset(t, reading.wait(t))
}

func (r resetTest) replacedDuringRead(t *testing.T) {
	reading, before := r.startRead(t)
	r.deleteStream(t)
	replaced := join(t, r.two)
	if replaced.Epoch == before.Epoch || replaced.First != 1 || replaced.Last != 0 {
		t.Errorf("Join of the new stream returns %+v, and %+v before", replaced, before)
	}
	appendAll(t, r.two, "a")
	wantReset(t, reading.wait(t))
	wantReset(t, startRead(t, r.engine, 0).wait(t))
	r.deleteStream(t)
}

func (r resetTest) deletedBeforeRead(t *testing.T) {
	join(t, r.engine)
	r.deleteStream(t)
	wantReset(t, startRead(t, r.engine, 0).wait(t))
}

func (r resetTest) shorterStream(t *testing.T) {
	join(t, r.engine)
	appendAll(t, r.engine, "a", "b")
	wantReset(t, startRead(t, r.engine, 3).wait(t))
}

func TestExistingStreamIsNotChanged(t *testing.T) {
	server := enginetest.NATS(t)
	js := newAdmin(t, server.Address)
	config := jetstream.StreamConfig{Name: streamName, Subjects: []string{"*.events"}, MaxMsgs: 10}
	stream, err := js.CreateStream(testwait.Context(t), config)
	if err != nil {
		t.Fatal(err)
	}
	engine := connect(t, server.Address)
	join(t, engine)
	var texts []string
	for i := range 25 {
		texts = append(texts, fmt.Sprint(i))
	}
	appendAll(t, engine, texts...)
	if info := join(t, engine); info.First != 16 || info.Last != 25 {
		t.Errorf("Join returns %+v, want 16 to 25", info)
	}
	startRead(t, engine, 3).want(t, 16, texts[15:]...)

	if err := stream.Purge(testwait.Context(t)); err != nil {
		t.Fatal(err)
	}
	if info := join(t, engine); info.First != 26 || info.Last != 25 {
		t.Errorf("Join of the empty stream returns %+v, want 26 to 25", info)
	}
	info, err := stream.Info(testwait.Context(t))
	if err != nil {
		t.Fatal(err)
	}
	if info.Config.MaxMsgs != 10 || !slices.Equal(info.Config.Subjects, []string{"*.events"}) {
		t.Errorf("the configuration changed to %+v", info.Config)
	}
}

func TestServerMayShortenDuplicateWindow(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "nats.conf")
	text := []byte("jetstream { limits { duplicate_window: 30s } }\n")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	server := enginetest.NATS(t, "-c", config)
	join(t, connect(t, server.Address))
	stream, err := newAdmin(t, server.Address).Stream(testwait.Context(t), streamName)
	if err != nil {
		t.Fatal(err)
	}
	if got := stream.CachedInfo().Config.Duplicates; got != 30*time.Second {
		t.Errorf("duplicate window = %v, want 30s", got)
	}
}

// TestTooLargeEntriesAreRejectedPermanently exceeds a limit of the stream, and then one of the server.
func TestTooLargeEntriesAreRejectedPermanently(t *testing.T) {
	server := enginetest.NATS(t)
	config := jetstream.StreamConfig{Name: streamName, Subjects: []string{streamName + ".events"}, MaxMsgSize: 1000}
	if _, err := newAdmin(t, server.Address).CreateStream(testwait.Context(t), config); err != nil {
		t.Fatal(err)
	}
	engine := connect(t, server.Address)
	join(t, engine)
	for _, size := range []int{1000, 2 << 20} {
		err := engine.Append(testwait.Context(t), "large", make([]byte, size))
		if !errors.Is(err, sharedlog.ErrTooLarge) {
			t.Errorf("%d bytes: got %v, want %v", size, err, sharedlog.ErrTooLarge)
		}
	}
	appendAll(t, engine, "a")
	startRead(t, engine, 0).want(t, 1, "a")
}

func BenchmarkAppendToRead(b *testing.B) {
	server := enginetest.NATS(b)
	enginetest.Benchmark(b, connect(b, server.Address), connect(b, server.Address))
}
