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

// parse returns where the brokers are, and how to connect to them. See Open.
func parse(address *url.URL) ([]kgo.Opt, error) {
	secure := address.Scheme == "kafka+tls"
	if address.Scheme != "kafka" && !secure {
		return nil, fmt.Errorf("%q is neither kafka nor kafka+tls", address.Scheme)
	}
	if address.Host == "" {
		return nil, errors.New("it names no broker")
	}
	if strings.Trim(address.Path, "/") != "" {
		return nil, fmt.Errorf("%q after the brokers means nothing", address.Path)
	}
	mechanism := ""
	for name, values := range address.Query() {
		var err error
		switch name {
		case "sasl":
			mechanism = values[0]
		case "tls":
			var given bool
			given, err = strconv.ParseBool(values[0])
			secure = secure || given
		default:
			err = errors.New("no such parameter")
		}
		if err != nil {
			return nil, fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	opts := []kgo.Opt{kgo.SeedBrokers(strings.Split(address.Host, ",")...)}
	if secure {
		opts = append(opts, kgo.DialTLS())
	}
	if address.User == nil && mechanism == "" {
		return opts, nil
	}
	with, err := login(mechanism, address.User)
	return append(opts, kgo.SASL(with)), err
}

// login returns what tells brokers who connects.
func login(mechanism string, user *url.Userinfo) (sasl.Mechanism, error) {
	name := user.Username()
	password, _ := user.Password()
	if name == "" || password == "" {
		return nil, errors.New("SASL needs a user and a password")
	}
	switch mechanism {
	case "scram-sha-256":
		return scram.Auth{User: name, Pass: password}.AsSha256Mechanism(), nil
	case "scram-sha-512":
		return scram.Auth{User: name, Pass: password}.AsSha512Mechanism(), nil
	case "plain", "":
		return plain.Auth{User: name, Pass: password}.AsMechanism(), nil
	}
	return nil, fmt.Errorf("parameter sasl: %q is none of plain, scram-sha-256, scram-sha-512", mechanism)
}
