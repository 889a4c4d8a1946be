package integration_test

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"wpre-relay/relay/testwait"
)

const (
	// occupiedMemory is how much memory the relay may take above idle, whatever its sockets do.
	occupiedMemory = 64 << 20

	// unreadMemory is how much of it 300 sockets may take that only read nothing.
	unreadMemory = 28 << 20

	// spare is the number of goroutines and of descriptors that the relay may have more, such as for its own requests.
	spare = 20

	// settled is how long the memory must not have grown until it counts as measured.
	settled = time.Second
)

// occupied is a relay whose sockets are occupied in one way.
type occupied struct {
	*relay
	way    occupation
	name   string
	secure bool // it serves TLS
}

// startOccupied starts a relay with a history of 1,200 events of 4 KB, or of large ones.
func startOccupied(t testing.TB, name string) *occupied {
	t.Helper()
	s, way := newSite(t), occupations[name]
	o := &occupied{way: way, name: name, secure: way.secure || way.hello}
	args := []string{"--publish-token", secret, "--log-level", "info"}
	if o.secure {
		certificate, key := writeCertificate(t, s.root, 1, "localhost")
		args = append(args, "--tls-cert", certificate, "--tls-key", key)
	}
	if way.auth {
		site := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Cookie") != "" {
				<-r.Context().Done()
			}
		}))
		t.Cleanup(site.Close)
		args = append(args, "--auth-url", site.URL)
	}
	if way.large {
		s.writeHistory(200, 500_000)
	} else {
		s.writeHistory(1200, 4000)
	}
	o.relay = s.start(args...)
	return o
}

// paddedDocument returns the document of a new event of a size.
func paddedDocument(size int) string {
	return fmt.Sprintf(`{"timestamp":%d,"x":"%s"}`, time.Now().UnixNano(), strings.Repeat("x", size))
}

// publishEvents publishes n events of a size. On a busy disk a sync can take so long that the relay rejects events.
func (o *occupied) publishEvents(n, size int) {
	o.t.Helper()
	for range n {
		document := paddedDocument(size)
		var status int
		var body string
		published := testwait.Until(func() bool {
			status, body = o.publish("Bearer "+secret, document)
			return status != http.StatusServiceUnavailable
		})
		if !published || status != http.StatusOK {
			o.t.Fatalf("publish: %d %s", status, body)
		}
	}
}

// target returns the address that the sockets connect to.
func (o *occupied) target() string {
	if o.way.admin {
		return o.admin
	}
	return o.address
}

// usage is what the relay takes.
type usage struct{ memory, goroutines, descriptors int }

// usage returns what the relay takes now.
func (r *relay) usage() (u usage) {
	r.t.Helper()
	u.memory, u.descriptors = r.memory(), r.descriptors()
	_, body := r.get("/metrics")
	for line := range strings.Lines(body) {
		fmt.Sscanf(line, "go_goroutines %d", &u.goroutines)
	}
	return u
}

// max returns the larger of each.
func (u usage) max(v usage) usage {
	return usage{max(u.memory, v.memory), max(u.goroutines, v.goroutines), max(u.descriptors, v.descriptors)}
}

// exceeds reports whether u has more goroutines or descriptors than the bound, or more memory.
func (u usage) exceeds(bound usage) bool {
	return u.memory > bound.memory || u.goroutines > bound.goroutines || u.descriptors > bound.descriptors
}

func (u usage) String() string {
	return fmt.Sprintf("%d MiB, %d goroutines, %d descriptors", u.memory>>20, u.goroutines, u.descriptors)
}

// bound returns the documented bound for a relay that takes so much when it is idle and has so many sockets.
func bound(idle usage, sockets int) usage {
	return usage{
		memory:      idle.memory + occupiedMemory,
		goroutines:  idle.goroutines + 2*sockets + spare,
		descriptors: idle.descriptors + sockets + spare,
	}
}

// occupy opens sockets and returns the most that the relay takes until its memory does not grow any more. Then it calls
// meanwhile and closes the sockets. It returns what the relay takes afterwards, and fails the test if that is not as
// little as before, except for memory that the runtime has not returned to the system yet.
func (o *occupied) occupy(sockets int, meanwhile func()) (idle, most, after usage) {
	o.t.Helper()
	idle = o.usage()
	connected, end := startOccupying(o.t, o.name, o.target(), sockets)
	sent := !o.way.live
	for grown := time.Now(); time.Since(grown) < settled; time.Sleep(50 * time.Millisecond) {
		now := o.usage()
		if now.memory > most.memory+most.memory/100 || !isClosed(connected) {
			grown = time.Now()
		}
		if isClosed(connected) && !sent {
			o.publishEvents(300, 4000)
			sent, grown = true, time.Now()
		}
		most = most.max(now)
	}
	meanwhile()
	end()
	free := usage{math.MaxInt, idle.goroutines + spare, idle.descriptors + spare}
	if after = o.usageAtRest(free); after.exceeds(free) {
		o.t.Errorf("afterwards: %v, want as much as idle: %v", after, idle)
	}
	return idle, most, after
}

// usageAtRest waits until the relay takes at most so much, or until the number of goroutines stops falling.
func (o *occupied) usageAtRest(free usage) (now usage) {
	o.t.Helper()
	for fewest := math.MaxInt; ; fewest = now.goroutines {
		if testwait.Until(func() bool { now = o.usage(); return !now.exceeds(free) }) || now.goroutines >= fewest {
			return now
		}
	}
}

// BenchmarkOccupied occupies the relay in each way with 1,000 sockets or more that read nothing. It reports what the
// relay takes idle, during that and afterwards, and fails if that exceeds a documented bound.
func BenchmarkOccupied(b *testing.B) {
	for name, way := range occupations {
		b.Run(name, func(b *testing.B) {
			o, sockets := startOccupied(b, name), cmp.Or(way.sockets, 1000)
			for b.Loop() {
				idle, most, after := o.occupy(sockets, func() {})
				for at, u := range map[string]usage{"idle": idle, "during": most, "after": after} {
					b.ReportMetric(float64(u.memory)/(1<<20), "MiB-"+at)
					b.ReportMetric(float64(u.goroutines), "goroutines-"+at)
					b.ReportMetric(float64(u.descriptors), "descriptors-"+at)
				}
				if bound := bound(idle, sockets); most.exceeds(bound) {
					b.Errorf("%d sockets: %v, want at most %v", sockets, most, bound)
				}
			}
		})
	}
}

// TestOccupiedRelayServesOthers occupies the relay in each way with 300 sockets of one address. Its memory stays
// bounded, and another address gets an answer of /history and new events.
func TestOccupiedRelayServesOthers(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: takes a minute")
	}
	t.Parallel()
	const sockets = 300
	for name, way := range occupations {
		if way.sockets != 0 {
			continue // as another one, with more sockets
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := startOccupied(t, name)
			idle, most, _ := o.occupy(sockets, func() { o.checkService(t) })
			limit := bound(idle, sockets)
			if strings.HasPrefix(name, "unread") || way.hello {
				limit.memory = idle.memory + unreadMemory
			}
			if raceDetector(t) {
				limit.memory *= 4
			}
			if most.exceeds(limit) {
				t.Errorf("%v, want at most %v", most, limit)
			}
		})
	}
}

// checkService requests /history and a stream from another address, and an event for it.
func (o *occupied) checkService(t *testing.T) {
	t.Helper()
	transport := &http.Transport{
		DialContext:     (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: testwait.Limit}
	scheme := "http://"
	if o.secure {
		scheme = "https://"
	}
	answer, err := client.Get(scheme + o.address + "/history?limit=5")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var page struct{ Events []json.RawMessage }
	if err := json.NewDecoder(answer.Body).Decode(&page); err != nil || len(page.Events) != 5 {
		t.Errorf("another address gets %s, %d events, %v", answer.Status, len(page.Events), err)
	}
}
