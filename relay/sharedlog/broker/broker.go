// Package broker finds the engine that an operator means by a URL. It knows nothing of what they do.
package broker

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"

	"wpre-relay/relay/sharedlog"
	"wpre-relay/relay/sharedlog/amqplog"
	"wpre-relay/relay/sharedlog/kafkalog"
	"wpre-relay/relay/sharedlog/natslog"
	"wpre-relay/relay/sharedlog/redislog"
)

// usualStream is the name of the stream where the URL gives none.
const usualStream = "wpre-relay"

var isName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Open returns the engine at address, whose scheme says which it is, for a stream of about limit entries. ?stream=NAME in
// it names the stream. The error says what is wrong with the address, and not who may come there; whether anybody is there
// Open does not ask.
func Open(address *url.URL, limit int) (sharedlog.Engine, error) {
	at := *address
	query := at.Query()
	name := usualStream
	if query.Has("stream") {
		name = query.Get("stream")
	}
	if !isName.MatchString(name) {
		return nil, fmt.Errorf("--broker: ?stream=%s is not of letters, digits, - and _, 64 at most", name)
	}
	query.Del("stream")
	at.RawQuery = query.Encode()
	open := map[string]func(*url.URL, string, int) (sharedlog.Engine, error){
		"amqp":      opener(amqplog.Open),
		"amqps":     opener(amqplog.Open),
		"redis":     opener(redislog.Open),
		"rediss":    opener(redislog.Open),
		"nats":      opener(natslog.Open),
		"tls":       opener(natslog.Open),
		"kafka":     opener(kafkalog.Open),
		"kafka+tls": opener(kafkalog.Open),
	}[at.Scheme]
	if open == nil || at.Hostname() == "" {
		return nil, errors.New("--broker must be of the form redis://HOST:6379, rediss://HOST:6379, nats://HOST:4222, kafka://HOST:9092 or amqp://HOST:5672")
	}
	engine, err := open(&at, name, limit)
	if err != nil {
		return nil, fmt.Errorf("--broker: %w", err)
	}
	return engine, nil
}

// Check returns the error that Open would.
func Check(address *url.URL) error {
	engine, err := Open(address, 1)
	if err != nil {
		return err
	}
	return engine.Close()
}

// opener gives an engine's own Open the type that all have.
func opener[E sharedlog.Engine](open func(*url.URL, string, int) (E, error)) func(*url.URL, string, int) (sharedlog.Engine, error) {
	return func(address *url.URL, name string, limit int) (sharedlog.Engine, error) {
		return open(address, name, limit)
	}
}
