package listener

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestSYNsOfFloodingNetworksAreIgnored has connections of a network dropped, at sockets for IPv4, IPv6 and both.
func TestSYNsOfFloodingNetworksAreIgnored(t *testing.T) {
	for _, tc := range []struct{ listen, server, flooding, other string }{
		{"127.0.0.1:0", "127.0.0.1", "127.0.0.1", "127.0.0.2"},
		{"[::]:0", "127.0.0.1", "127.0.0.3", "127.0.0.2"},
		{"[::]:0", "::1", "::1", ""},
		{"[::1]:0", "::1", "::1", ""},
	} {
		socket, err := Listen("--listen", tc.listen, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Logf("SKIPPED: %v", err) // no IPv6
			continue
		}
		defer socket.Close()
		flood := &socket.Listener.(*directListener).flood
		flood.drops = make(map[netip.Prefix]int) // the test ends the period
		server := netip.AddrPortFrom(netip.MustParseAddr(tc.server), uint16(socket.Addr().(*net.TCPAddr).Port))
		connected := connectFrom(t, tc.flooding, server, time.Minute)
		for i := range floodDrops {
			if flood.count(netip.MustParseAddr(tc.flooding)); i == floodDrops-2 {
				connectFrom(t, tc.flooding, server, time.Minute)
			}
		}
		if conn := connectFrom(t, tc.flooding, server, 50*time.Millisecond); conn != nil {
			t.Errorf("%+v: the network can connect", tc)
		}
		if _, err := connected.Write([]byte("x")); err != nil {
			t.Errorf("%+v: its earlier connection: %v", tc, err)
		}
		if tc.other != "" {
			connectFrom(t, tc.other, server, time.Minute)
		}
		flood.endPeriod()
		connectFrom(t, tc.flooding, server, time.Minute)
	}
}

// connectFrom connects from an address. It returns nil if limit, which is less than a minute, is over before that.
func connectFrom(t *testing.T, from string, server netip.AddrPort, limit time.Duration) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
	conn, err := dialer.DialContext(ctx, "tcp", server.String())
	switch {
	case err == nil:
		t.Cleanup(func() { conn.Close() })
		return conn
	case limit == time.Minute:
		t.Fatal(err)
	}
	return nil
}

// TestSYNFilterIsBounded has more flooding networks than the filter has room for, IPv4 and IPv6 mixed. The kernel must
// take the largest program.
func TestSYNFilterIsBounded(t *testing.T) {
	socket, err := Listen("--listen", "127.0.0.1:0", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	flood := &socket.Listener.(*directListener).flood
	flood.drops = make(map[netip.Prefix]int) // the test ends the period
	for i := range maxFlooding + 10 {
		for range floodDrops {
			flood.count(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}))
			flood.count(netip.AddrFrom16([16]byte{0x20, 1, 6: byte(i >> 8), byte(i), 15: 1}))
		}
	}
	if len(flood.ignored) != maxIgnored || len(flood.drops) != maxFlooding {
		t.Errorf("%d networks ignored, %d counted", len(flood.ignored), len(flood.drops))
	}
	if err := flood.attach(); err != nil {
		t.Error(err)
	}
	if conn := connectFrom(t, "127.0.0.1", netip.MustParseAddrPort(socket.Addr().String()), time.Minute); conn == nil {
		t.Error("another network cannot connect")
	}
	flood.endPeriod()
	if flood.ignored != nil || flood.drops != nil {
		t.Errorf("after the period: %v, %v", flood.ignored, flood.drops)
	}
}
