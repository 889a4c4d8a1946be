package kafkalog_test

import (
	"net/url"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"wpre-relay/relay/sharedlog/kafkalog"
	"wpre-relay/relay/testwait"
)

func TestAddressSelectsSASLMechanism(t *testing.T) {
	t.Parallel()
	l := startBroker(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "relay", "p/1"),
		kfake.Superuser("SCRAM-SHA-256", "relay", "p/256"), kfake.Superuser("SCRAM-SHA-512", "relay", "p/512"))
	for _, tc := range []struct {
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
		user := url.UserPassword("relay", tc.password)
		address := &url.URL{Scheme: "kafka", User: user, Host: l.Addr().String(), RawQuery: tc.query}
		engine, err := kafkalog.Open(address, topic, 10_000)
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if _, err := engine.Join(testwait.Context(t)); (err == nil) != tc.ok {
			t.Errorf("Join of %s with password %s returns %v", address, tc.password, err)
		}
		engine.Close()
	}
}

func TestOpenChecksAddress(t *testing.T) {
	for text, valid := range map[string]bool{
		"kafka://one,two:9093":  true,
		"kafka+tls://one:9092/": true,
		"kafka://user:password@[::1]:9092?sasl=scram-sha-256&tls=true": true,
		"kafka://host:9092?replicas=3":                                 true,
		"kafka://host:9092?replicas=0":                                 false,
		"kafka://host:9092?replicas=three":                             false,
		"http://host:9092":                                             false,
		"kafka://":                                                     false,
		"kafka://host:port1,host:9092":                                 false,
		"kafka://host:9092,":                                           false,
		"kafka://host:9092/topic":                                      false,
		"kafka://host:9092?acks=1":                                     false,
		"kafka://host:9092?tls=perhaps":                                false,
		"kafka://host:9092?sasl=plain":                                 false,
		"kafka://user@host:9092":                                       false,
		"kafka://user:password@host:9092?sasl=gssapi":                  false,
	} {
		address, err := url.Parse(text)
		if err == nil {
			var engine *kafkalog.Engine
			if engine, err = kafkalog.Open(address, topic, 10_000); err == nil {
				engine.Close()
			}
		}
		if (err == nil) != valid {
			t.Errorf("%s: %v, want valid: %v", text, err, valid)
		}
	}
}
