package kafkalog_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/enginetest"
	"wpre-relay/relay/sharedlog/kafkalog"
)

const topic = "wpre-relay"

// kafka runs a cluster of one broker in this process, behind a wire.
func kafka(t testing.TB, opts ...kfake.Opt) *wire {
	w := newWire()
	opts = append([]kfake.Opt{kfake.NumBrokers(1), kfake.ListenFn(w.listen)}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	t.Cleanup(w.mend)
	return w
}

func open(w *wire) (sharedlog.Engine, error) {
	return kafkalog.Open(&url.URL{Scheme: "kafka", Host: w.Addr().String()}, topic, 10_000)
}

// connect returns an engine, and what its stream holds.
func connect(t testing.TB, w *wire) (sharedlog.Engine, sharedlog.StreamInfo) {
	t.Helper()
	engine, err := open(w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { engine.Close() })
	extent, err := engine.Join(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return engine, extent
}

// soon ends when nobody has patience any more.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), enginetest.Timeout)
	t.Cleanup(cancel)
	return ctx
}

// admin returns a client that can do what engines cannot.
func admin(t testing.TB, w *wire) *kadm.Client {
	client, err := kgo.NewClient(kgo.SeedBrokers(w.Addr().String()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return kadm.NewClient(client)
}

func appendAll(t testing.TB, engine sharedlog.Engine, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := engine.Append(soon(t), name, []byte(name)); err != nil {
			t.Fatalf("append %s: %v", name, err)
		}
	}
}

// read returns the n entries after a number, each as ID@number.
func read(t testing.TB, engine sharedlog.Engine, after uint64, n int) (got []string) {
	t.Helper()
	enough := errors.New("enough")
	err := engine.Read(soon(t), after, func(entries []sharedlog.Entry) error {
		for _, entry := range entries {
			got = append(got, fmt.Sprintf("%s@%d", entry.ID, entry.Seq))
		}
		if len(got) >= n {
			return enough
		}
		return nil
	})
	if err != enough {
		t.Errorf("read after %d: %v, with %v", after, err, got)
	}
	return got
}

// reading reads until that ends, and has begun to when it returns.
func reading(t testing.TB, engine sharedlog.Engine, after uint64, take func([]sharedlog.Entry)) (ended chan error) {
	t.Helper()
	ended = make(chan error, 1)
	begun := make(chan struct{}, 1)
	go func() {
		ended <- engine.Read(soon(t), after, func(entries []sharedlog.Entry) error {
			take(entries)
			select {
			case begun <- struct{}{}:
			default:
			}
			return nil
		})
	}()
	select {
	case <-begun:
	case err := <-ended:
		t.Fatalf("read after %d: %v", after, err)
	}
	return ended
}

func ignore([]sharedlog.Entry) {}

func TestKafka(t *testing.T) {
	w := kafka(t)
	enginetest.Test(t, func() (sharedlog.Engine, error) { return open(w) }, false)
}

func TestTopicOfTwoPartitionsIsRefused(t *testing.T) {
	engine, err := open(kafka(t, kfake.SeedTopics(2, topic)))
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	if _, err := engine.Join(soon(t)); err == nil || !strings.Contains(err.Error(), "has 2 partitions") {
		t.Errorf("joining a topic with two partitions: %v", err)
	}
}

func TestReadEndsWhenBrokersAreAway(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(*wire){"gone": (*wire).cut, "silent": (*wire).hush} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := kafka(t)
			engine, extent := connect(t, w)
			appendAll(t, engine, "a")
			ended := reading(t, engine, extent.Last, ignore)
			harm(w)
			begun := time.Now()
			if err := <-ended; err == nil || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sharedlog.ErrStreamReset) {
				t.Errorf("brokers that are %s: %v", name, err)
			}
			t.Logf("it took %v", time.Since(begun))
			if _, err := engine.Join(soon(t)); err == nil {
				t.Errorf("a topic of brokers that are %s was joined", name)
			}
			w.mend()
			appendAll(t, engine, "b")
			if got, want := read(t, engine, extent.Last, 2), []string{"a@1", "b@2"}; !slices.Equal(got, want) {
				t.Errorf("afterwards, got %v, want %v", got, want)
			}
		})
	}
}

func TestReadingEndsAtOnceWithSilentBrokers(t *testing.T) {
	w := kafka(t)
	engine, extent := connect(t, w)
	appendAll(t, engine, "a")
	ctx, cancel := context.WithCancel(t.Context())
	err := engine.Read(ctx, extent.Last, func([]sharedlog.Entry) error {
		w.hush()
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
}

func TestFailedAppendIsNotMadeUpForLater(t *testing.T) {
	w := kafka(t)
	engine, extent := connect(t, w)
	appendAll(t, engine, "a")
	w.cut()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := engine.Append(ctx, "b", []byte("b")); err == nil {
		t.Error("an entry was appended while brokers were away")
	}
	w.mend()
	appendAll(t, engine, "c", "b")
	if got, want := read(t, engine, extent.Last, 3), []string{"a@1", "c@2", "b@3"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAppendEndsWithItsContext(t *testing.T) {
	w := kafka(t)
	engine, extent := connect(t, w)
	appendAll(t, engine, "a")
	w.hush()
	ctx, cancel := context.WithCancel(t.Context())
	appended := make(chan error)
	go func() { appended <- engine.Append(ctx, "b", []byte("b")) }()
	<-w.unheard // it was sent
	cancel()
	if err := <-appended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that it was cancelled", err)
	}
	w.mend()
	appendAll(t, engine, "b", "c")
	got := read(t, engine, extent.Last, 3)
	for i, id := range got {
		got[i], _, _ = strings.Cut(id, "@")
	}
	// The broker may hear late of the first b. That comes again then, but nothing is missing, and in no other order.
	seen := map[string]bool{}
	got = slices.DeleteFunc(got, func(id string) bool { again := seen[id]; seen[id] = true; return again })
	if want := []string{"a", "b", "c"}; !slices.Equal(got, want[:len(got)]) {
		t.Errorf("without those that come again, got %v, want %v", got, want)
	}
}

func TestWhatKafkaHasDeletedIsPassedOver(t *testing.T) {
	w := kafka(t)
	engine, extent := connect(t, w)
	appendAll(t, engine, "a", "b", "c", "d")
	var upTo kadm.Offsets
	upTo.Add(kadm.Offset{Topic: topic, Partition: 0, At: 2})
	if _, err := admin(t, w).DeleteRecords(soon(t), upTo); err != nil {
		t.Fatal(err)
	}
	if got, want := read(t, engine, extent.Last, 2), []string{"c@3", "d@4"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	want := sharedlog.StreamInfo{Epoch: extent.Epoch, First: 3, Last: 4}
	if got, err := engine.Join(soon(t)); err != nil || got != want {
		t.Errorf("the stream holds %+v, %v, want %+v", got, err, want)
	}
}

func TestNumberBeyondTheEndIsOfAnotherStream(t *testing.T) {
	engine, extent := connect(t, kafka(t))
	err := engine.Read(soon(t), extent.Last+1, func(entries []sharedlog.Entry) error {
		t.Errorf("got %v", entries)
		return nil
	})
	if !errors.Is(err, sharedlog.ErrStreamReset) {
		t.Errorf("got %v, want %v", err, sharedlog.ErrStreamReset)
	}
}

func TestTopicMadeAnewIsAnother(t *testing.T) {
	w := kafka(t)
	engine, extent := connect(t, w)
	appendAll(t, engine, "a", "b")
	var got []string
	ended := reading(t, engine, extent.Last, func(entries []sharedlog.Entry) {
		for _, entry := range entries {
			got = append(got, entry.ID)
		}
	})
	if _, err := admin(t, w).DeleteTopic(soon(t), topic); err != nil {
		t.Fatal(err)
	}
	other, anew := connect(t, w)
	if anew.Epoch == extent.Epoch || anew.First != 1 || anew.Last != 0 {
		t.Errorf("anew, the stream holds %+v; it held %+v before", anew, extent)
	}
	appendAll(t, other, "x", "y", "z")
	err := <-ended
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("reading ended with %v", err)
	}
	t.Log(err) // that it is renewed, or that it is not there, if that is what was seen
	if !slices.Equal(got, []string{"a", "b"}[:len(got)]) {
		t.Errorf("got %v, of which only a and b were there", got)
	}
	if extent, err := engine.Join(soon(t)); err != nil || extent.Epoch != anew.Epoch {
		t.Errorf("joined %+v, %v, want epoch %s", extent, err, anew.Epoch)
	}
	if got, want := read(t, engine, 0, 3), []string{"x@1", "y@2", "z@3"}; !slices.Equal(got, want) {
		t.Errorf("anew, got %v, want %v", got, want)
	}
}

func TestRelaysLogIn(t *testing.T) {
	t.Parallel()
	w := kafka(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "relay", "p/1"),
		kfake.Superuser("SCRAM-SHA-256", "relay", "p/256"), kfake.Superuser("SCRAM-SHA-512", "relay", "p/512"))
	for _, c := range []struct {
		query, password string
		ok              bool
	}{
		{"", "p/1", true},
		{"sasl=plain", "p/1", true},
		{"sasl=scram-sha-256", "p/256", true},
		{"sasl=scram-sha-512", "p/512", true},
		{"sasl=scram-sha-512", "p/256", false},
		{"tls=true", "p/1", false},
	} {
		address := &url.URL{Scheme: "kafka", User: url.UserPassword("relay", c.password), Host: w.Addr().String(), RawQuery: c.query}
		engine, err := kafkalog.Open(address, topic, 10_000)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if _, err := engine.Join(soon(t)); (err == nil) != c.ok {
			t.Errorf("joining %s with password %s: %v", address, c.password, err)
		}
		engine.Close()
	}
}

func TestAddressesThatMeanNothingAreRefused(t *testing.T) {
	for _, text := range []string{
		"http://host:9092",
		"kafka://",
		"kafka://host:port1,host:9092",
		"kafka://host:9092,",
		"kafka://host:9092/topic",
		"kafka://host:9092?acks=1",
		"kafka://host:9092?tls=perhaps",
		"kafka://host:9092?sasl=plain",
		"kafka://user@host:9092",
		"kafka://user:password@host:9092?sasl=gssapi",
	} {
		address, err := url.Parse(text)
		if err != nil {
			continue // nor can it be given then
		}
		if _, err := kafkalog.Open(address, topic, 10_000); err == nil {
			t.Errorf("%s was taken", text)
		}
	}
	for _, text := range []string{"kafka://one,two:9093", "kafka+tls://one:9092/", "kafka://user:password@[::1]:9092?sasl=scram-sha-256&tls=true"} {
		address, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		engine, err := kafkalog.Open(address, topic, 10_000)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		engine.Close()
	}
}

// BenchmarkAppendToRead measures how long it takes until an entry is read, from when Append is called, with a broker in
// this process that writes to no disk and has no replicas: what the clients take, and the loopback. Run it with
// -benchtime=1x.
func BenchmarkAppendToRead(b *testing.B) {
	const n = 2000
	engine, extent := connect(b, kafka(b))
	times := make([]time.Duration, 0, n)
	for b.Loop() {
		times = times[:0]
		taken := make(chan time.Time)
		ctx, cancel := context.WithCancel(b.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- engine.Read(ctx, extent.Last, func(entries []sharedlog.Entry) error {
				for range entries {
					taken <- time.Now()
				}
				return nil
			})
		}()
		appendAll(b, engine, "first")
		<-taken
		for i := range n {
			begun := time.Now()
			appendAll(b, engine, fmt.Sprintf("%d", i))
			times = append(times, (<-taken).Sub(begun))
		}
		cancel()
		<-ended
		extent.Last += n + 1
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[n/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(times[n*99/100].Microseconds()), "p99-µs")
}
