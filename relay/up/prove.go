//go:build linux

package up

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

const (
	// proofTimeout bounds the connection, and then the delivery of the event.
	proofTimeout = 15 * time.Second

	// maxAnswer bounds the part of a response that is read, in bytes. The client has a few ten thousand.
	maxAnswer = 1 << 20

	// maxEvent bounds one event in bytes, as the relay does.
	maxEvent = 64 << 20
)

// tryGet requests an address. It returns an error unless the answer has status 200 and contains part.
func tryGet(ctx context.Context, address, part string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return fmt.Errorf("request %s: %w", address, err)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("request %s: it responds with %s", address, response.Status)
	case !bytes.Contains(body, []byte(part)):
		return fmt.Errorf("request %s: the response is not of the relay", address)
	}
	return nil
}

// proof has the times of one test event.
type proof struct {
	connect time.Duration // DNS, TCP, TLS and the upgrade, through the web server
	php     time.Duration // PHP starts, loads WordPress, and the plugin writes the event
	event   time.Duration // from the plugin's call to the client
	public  string        // address at which the site serves the event file to everyone; "" if it does not
}

// prove has PHP trigger a test event, and receives it as a visitor's page does: at the public address, with the
// site's origin.
func (s *site) prove(ctx context.Context) (p proof, err error) {
	start := time.Now()
	dialing, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	conn, _, err := websocket.Dial(dialing, s.address, &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {s.home.Scheme + "://" + s.home.Host}},
	})
	if err != nil {
		return p, fmt.Errorf("connect to %s: %w", s.address, err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(maxEvent)
	p.connect = time.Since(start)
	id, received := rand.Text(), make(chan error, 1)
	receiving, stop := context.WithCancel(ctx)
	defer stop()
	var at time.Time
	go func() {
		err := receive(receiving, conn, id)
		at = time.Now()
		received <- err
	}()
	start = time.Now()
	var times struct{ Started, Written float64 }
	if err := s.owner.call(ctx, &times, "trigger", s.dir, s.facts.Home, id); err != nil {
		stop()
		<-received
		return p, err
	}
	p.php = time.Since(start)
	time.AfterFunc(proofTimeout, stop)
	if err := <-received; err != nil {
		return p, fmt.Errorf("the plugin wrote an event, but %s did not deliver it within %s: %w", s.address,
			proofTimeout, err)
	}
	p.event = at.Sub(time.UnixMicro(int64(times.Started * 1e6)))
	if file := s.facts.ContentURL + "/realtime-events/latest_event.json"; tryGet(dialing, file, id) == nil {
		p.public = file
	}
	return p, nil
}

// receive reads messages until one contains the id.
func receive(ctx context.Context, conn *websocket.Conn, id string) error {
	for {
		_, text, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		if strings.Contains(string(text), id) {
			return nil
		}
	}
}
