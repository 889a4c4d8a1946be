package cli_test

import (
	"errors"
	"strings"
	"testing"

	"wpre-relay/relay/cli"
)

func TestRejectsInvalidURLsWithoutShowingSecrets(t *testing.T) {
	const (
		broker  = "--broker must be of the form redis://HOST:6379"
		forward = "--forward-url must be of the form https://host/path"
		url     = "not a valid URL"
	)
	for _, c := range []struct{ flag, address, want string }{
		{"--broker", "foo", broker},
		{"--broker", "redis://", broker},
		{"--broker", "redis://:6379", broker},
		{"--broker", "http://x", broker},
		{"--broker", "mysql://bot:pa55@x", broker},
		{"--broker", "redis://x/?stream=a.b", "stream=a.b"},
		{"--broker", "redis://bot:pa55@x/?y=z", "--broker: "},
		{"--broker", "redis://bot:pa55@x/zero", "--broker: "},
		{"--broker", "redis://bot:pa55@x:1,y:2", "redis+sentinel://HOST,HOST/MASTER"},
		{"--broker", "redis+sentinel://bot:pa55@x", "MASTER"},
		{"--broker", "redis+cluster://bot:pa55@x/1", "--broker: "},
		{"--broker", "nats://bot:pa55@x:99999", "port 99999"},
		{"--broker", "kafka://x:9092,y:0", "port 0"},
		{"--broker", "nats://x?replicas=6", "replicas=6"},
		{"--broker", "redis://x?replicas=3", "--broker: "},
		{"--broker", "amqp://x,y", "--broker: "},
		{"--broker", "nats://pa55@x/y", "--broker: "},
		{"--broker", "kafka://x?sasl=pigeon", "--broker: "},
		{"--broker", "redis://:pa55/word@x", url},
		{"--broker", "redis://:pa55%word@x", url},
		{"--broker", "redis://bot:pa55@x:port", url},
		{"--forward-url", "foo", forward},
		{"--forward-url", "https://", forward},
		{"--forward-url", "https://:443/said", forward},
		{"--forward-url", "ftp://x", forward},
		{"--forward-url", "https://bot:pa55%word@x/", url},
	} {
		_, err := parse("--watch", "x", "--peer-messages", c.flag, c.address)
		var usage *cli.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) ||
			!strings.HasSuffix(err.Error(), "\nTry: wpre-relay help serve") {
			t.Errorf("%s %s: got %v, want a usage error with %q", c.flag, c.address, err, c.want)
		} else if strings.Contains(err.Error(), "pa55") || strings.Contains(err.Error(), "::") {
			t.Errorf("%s %s: the error shows a secret or an empty part: %v", c.flag, c.address, err)
		}
	}
}

func TestAcceptsBrokerURLs(t *testing.T) {
	for _, address := range []string{
		"redis://bot:pa55@x:6379/1?stream=other", "rediss://x", "nats://token@x:4222,y:4222", "tls://x",
		"kafka://x:9092,y:9092", "kafka+tls://bot:pa55@x?sasl=scram-sha-256",
		"amqp://bot:pa55@x:5672/vhost", "amqps://x",
	} {
		if _, err := parse("--broker", address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}
