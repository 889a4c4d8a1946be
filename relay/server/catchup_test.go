package server_test

import (
	"testing"
	"time"

	"wpre-relay/relay/eventlog"
	"wpre-relay/relay/server"
)

func TestCatchUpEventsAreSentForATime(t *testing.T) {
	for name, tc := range map[string]struct {
		catchUp time.Duration
		want    []string
	}{
		"active": {time.Hour, []string{"welcome", document(2), document(4)}},
		"off":    {0, []string{"welcome", document(4)}},
		"over":   {time.Nanosecond, []string{"welcome", document(4)}},
	} {
		t.Run(name, func(t *testing.T) {
			log := logWith(t, 2, eventlog.Options{}) // event 2 is the catch-up event
			_, address := serve(t, log, 1, server.Options{CatchUp: tc.catchUp, Welcome: "welcome"})
			log.Append(event(t, document(3))) // no client is connected
			conn, _, err := dial(t, "ws://"+address, nil)
			if err != nil {
				t.Fatal(err)
			}
			log.Append(event(t, document(4)))
			expect(t, conn, tc.want...)
		})
	}
}

// TestCatchUpEventsAreSentOncePerVisitor connects two tabs of one browser and other browsers.
func TestCatchUpEventsAreSentOncePerVisitor(t *testing.T) {
	log := logWith(t, 1, eventlog.Options{})
	srv, address := serve(t, log, 0, server.Options{CatchUp: time.Hour})
	first, _ := connect(t, address, "")
	tab, _ := connect(t, address, "")
	other, _ := connect(t, address, "", "User-Agent", "another")
	expect(t, first, document(1))
	expect(t, tab, document(1))
	expect(t, other, document(1))
	first.CloseNow()
	waitForClients(t, srv, 2)
	again, _ := connect(t, address, "")
	third, _ := connect(t, address, "", "User-Agent", "a third")
	log.Append(event(t, document(2)))
	expect(t, again, document(2))
	expect(t, third, document(1), document(2))
}

func TestFailedHandshakeDoesNotCountAsCaughtUp(t *testing.T) {
	log := logWith(t, 1, eventlog.Options{})
	_, address := serve(t, log, 0, server.Options{CatchUp: time.Hour})
	failHandshake(t, address, "")
	conn, _ := connect(t, address, "")
	expect(t, conn, document(1))
}
