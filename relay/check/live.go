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

// liveTimeout bounds one check of Live.
const liveTimeout = 3 * time.Second

// Live returns nil if a relay serves requests at address on this machine, over HTTP or HTTPS.
func Live(ctx context.Context, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("parse address: %w", err)
	}
	if host == "" {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	err = getLive(ctx, "http", net.JoinHostPort(host, port))
	if errors.Is(err, errNotLive) && getLive(ctx, "https", net.JoinHostPort(host, port)) == nil {
		return nil
	}
	return err
}

var errNotLive = errors.New("this is not a relay that serves requests")

// getLive requests /livez. It returns errNotLive if the status is not 200. It does not verify the certificate, which
// is for the public name.
func getLive(ctx context.Context, scheme, address string) error {
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
		return fmt.Errorf("%s responds with %s: %w", request.URL, response.Status, errNotLive)
	}
	return nil
}
