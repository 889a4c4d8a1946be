package enginetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/sharedlog"
)

// Benchmark measures how long an entry takes from the call of Append until the reader gets it, and until Append
// returns. Run it with -benchtime=2000x.
func Benchmark(b *testing.B, writer, reader sharedlog.Engine) {
	info, err := writer.Join(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := reader.Join(b.Context()); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	read, result := make(chan time.Time, 1), make(chan error, 1)
	go func() {
		result <- reader.Read(ctx, info.Last, func(entries []sharedlog.Entry) error {
			for _, entry := range entries {
				if len(entry.Text) > 0 { // skips the engine's own entries
					read <- time.Now()
				}
			}
			return nil
		})
	}()
	text := []byte(strings.Repeat("x", 1000))
	var delivered, acknowledged []time.Duration
	for i := 0; b.Loop(); i++ {
		started := time.Now()
		if err := writer.Append(ctx, fmt.Sprint(i), text); err != nil {
			b.Fatal(err)
		}
		acknowledged = append(acknowledged, time.Since(started))
		select {
		case at := <-read:
			delivered = append(delivered, at.Sub(started))
		case err := <-result:
			b.Fatal(err)
		}
	}
	cancel()
	<-result
	reportPercentiles(b, "read", delivered)
	reportPercentiles(b, "ack", acknowledged)
}

func reportPercentiles(b *testing.B, name string, times []time.Duration) {
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs-"+name)
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs-"+name)
}
