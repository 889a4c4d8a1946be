package kafkalog

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// parse returns the client options for an address. Open documents its form.
func parse(address *url.URL) ([]kgo.Opt, error) {
	tls := address.Scheme == "kafka+tls"
	if address.Scheme != "kafka" && !tls {
		return nil, fmt.Errorf("scheme %q is neither kafka nor kafka+tls", address.Scheme)
	}
	if address.Host == "" {
		return nil, errors.New("address lacks a broker")
	}
	if strings.Trim(address.Path, "/") != "" {
		return nil, fmt.Errorf("unexpected path %q after the brokers", address.Path)
	}
	mechanism := ""
	for name, values := range address.Query() {
		var err error
		switch name {
		case "sasl":
			mechanism = values[0]
		case "tls":
			var enabled bool
			enabled, err = strconv.ParseBool(values[0])
			tls = tls || enabled
		default:
			err = errors.New("unknown parameter")
		}
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	opts := []kgo.Opt{kgo.SeedBrokers(strings.Split(address.Host, ",")...)}
	if tls {
		opts = append(opts, kgo.DialTLS())
	}
	if address.User == nil && mechanism == "" {
		return opts, nil
	}
	auth, err := saslMechanism(mechanism, address.User)
	return append(opts, kgo.SASL(auth)), err
}

// saslMechanism returns the SASL mechanism of this name. The default is plain.
func saslMechanism(name string, user *url.Userinfo) (sasl.Mechanism, error) {
	username := user.Username()
	password, _ := user.Password()
	if username == "" || password == "" {
		return nil, errors.New("SASL needs a user and a password")
	}
	switch name {
	case "scram-sha-256":
		return scram.Auth{User: username, Pass: password}.AsSha256Mechanism(), nil
	case "scram-sha-512":
		return scram.Auth{User: username, Pass: password}.AsSha512Mechanism(), nil
	case "plain", "":
		return plain.Auth{User: username, Pass: password}.AsMechanism(), nil
	}
	return nil, fmt.Errorf("parameter sasl: %q is none of plain, scram-sha-256, scram-sha-512", name)
}
