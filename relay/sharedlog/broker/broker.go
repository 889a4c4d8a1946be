// Package broker opens the engine for a broker's URL. It does not know how the engines work, and does not connect.
// It is a separate package because it imports all engines, and these import sharedlog.
package broker

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"wpre-relay/relay/sharedlog"
)

// defaultStream is the name of the stream if the URL has no parameter stream.
const defaultStream = "wpre-relay"

var streamName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// openFunc is the type of the engines' Open functions.
type openFunc = func(address *url.URL, name string, limit int) (sharedlog.Engine, error)

// Open returns the engine for the scheme of address, for a stream of about limit entries. The parameter
// ?stream=NAME sets the stream's name. Errors do not contain credentials. Open does not connect to the broker.
func Open(address *url.URL, limit int) (sharedlog.Engine, error) {
	at := *address
	query := at.Query()
	name := defaultStream
	if query.Has("stream") {
		name = query.Get("stream")
	}
	if !streamName.MatchString(name) {
		return nil, fmt.Errorf("--broker: ?stream=%s must consist of 1 to 64 letters, digits, - and _", name)
	}
	query.Del("stream")
	at.RawQuery = query.Encode()
	if len(engines) == 0 {
		return nil, errors.New("--broker: this program was built without the clients of brokers, by -tags lite")
	}
	open := engines[at.Scheme]
	if open == nil || at.Hostname() == "" {
		return nil, errors.New("--broker must be of the form redis://HOST:6379, rediss://HOST:6379, " +
			"nats://HOST:4222, kafka://HOST:9092 or amqp://HOST:5672")
	}
	if err := checkPorts(at.Host); err != nil {
		return nil, fmt.Errorf("--broker: %w", err)
	}
	engine, err := open(&at, name, limit)
	if err != nil {
		return nil, fmt.Errorf("--broker: %w", err)
	}
	return engine, nil
}

// checkPorts returns an error if one of the hosts, which are separated by commas, has an impossible port.
func checkPorts(hosts string) error {
	for host := range strings.SplitSeq(hosts, ",") {
		at := url.URL{Host: host}
		if at.Hostname() == "" {
			return fmt.Errorf("a host in %q is empty", hosts)
		}
		if at.Port() == "" {
			continue
		}
		if port, err := strconv.ParseUint(at.Port(), 10, 16); err != nil || port == 0 {
			return fmt.Errorf("port %s of host %s must be from 1 to 65535", at.Port(), at.Hostname())
		}
	}
	return nil
}

// Check returns the error that Open returns for address.
func Check(address *url.URL) error {
	engine, err := Open(address, 1)
	if err != nil {
		return err
	}
	return engine.Close()
}

// opener returns open with a result of type sharedlog.Engine.
func opener[E sharedlog.Engine](open func(*url.URL, string, int) (E, error)) openFunc {
	return func(address *url.URL, name string, limit int) (sharedlog.Engine, error) {
		return open(address, name, limit)
	}
}
