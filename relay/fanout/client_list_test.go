package fanout_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/fanout"
	"wpre-relay/relay/testwait"
)

// TestListDescribesEachClientOnce lists more clients than a shard describes at once, with each number of shards.
func TestListDescribesEachClientOnce(t *testing.T) {
	const clients = 300
	network := netip.MustParsePrefix("192.0.2.1/32")
	for shards := 1; shards <= 3; shards += 2 {
		s := serve(t, eventlog.Options{}, fanout.Options{Shards: shards})
		connected := 0
		s.configure = func(cfg *fanout.ClientConfig) {
			connected++
			cfg.Site, cfg.Network = fmt.Sprint(connected), network
		}
		for range clients {
			s.dial(t, "")
		}
		for limit, want := range map[int]int{clients + 1: clients, 7: 7, 0: 0} {
			sites := make(map[string]bool)
			for _, info := range s.clients.List(t.Context(), limit) {
				sites[info.Site] = true
				if info.Transport != fanout.WebSocketTransport || info.Network != network || info.Since.IsZero() {
					t.Fatalf("got %+v", info)
				}
			}
			if len(sites) != want {
				t.Errorf("%d shards, limit %d: %d clients, want %d", shards, limit, len(sites), want)
			}
		}
		s.stop()
		if got := s.clients.List(t.Context(), clients); len(got) != 0 {
			t.Errorf("%d clients after Run", len(got))
		}
	}
}

// TestListStartsWithTheClientThatLagsMost has two clients that do not read, of which one is further behind.
func TestListStartsWithTheClientThatLagsMost(t *testing.T) {
	s := serve(t, eventlog.Options{}, fanout.Options{})
	sites := make(chan string, 3)
	s.configure = func(cfg *fanout.ClientConfig) { cfg.Site = <-sites }
	connect := func(site string) {
		sites <- site
		s.dial(t, "")
	}
	connect("far behind")
	s.append(t, 1, bigEvents, bigPadding)
	connect("behind")
	s.append(t, bigEvents+1, 2*bigEvents, bigPadding)
	connect("live")
	var lags map[string]uint64
	ordered := testwait.Until(func() bool {
		lags = make(map[string]uint64)
		var order []string
		for _, info := range s.clients.List(t.Context(), 3) {
			lags[info.Site] = info.Lag
			order = append(order, info.Site)
		}
		return slices.Equal(order, []string{"far behind", "behind", "live"}) && lags["live"] == 0 && lags["behind"] > 0
	})
	if !ordered {
		t.Errorf("lags: %v", lags)
	}
}
