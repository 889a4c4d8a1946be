package check

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Live asks the relay that listens at address, on this machine, whether it serves.
func Live(ctx context.Context, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("the address to ask: %w", err)
	}
	if host == "" {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	err = askLive(ctx, "http", net.JoinHostPort(host, port))
	if errors.Is(err, errNotLive) { // it may speak TLS; whose certificate is not the question
		if askLive(ctx, "https", net.JoinHostPort(host, port)) == nil {
			return nil
		}
	}
	return err
}

var errNotLive = errors.New("that is not a relay that serves")

// askLive asks for /livez. The error is errNotLive if there is another answer than it should be.
func askLive(ctx context.Context, scheme, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+address+"/livez", nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %w", request.URL, response.Status, errNotLive)
	}
	return nil
}
