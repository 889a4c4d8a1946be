package check

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// liveTimeout bounds one check of Live.
const liveTimeout = 3 * time.Second

// Live returns nil if a relay serves requests at address on this machine, over HTTP or HTTPS.
func Live(ctx context.Context, address string, proxies ProxyProtocol) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("parse address: %w", err)
	}
	local := net.JoinHostPort(cmp.Or(host, "localhost"), port)
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	err = getLive(ctx, "http", local, proxies)
	if errors.Is(err, errNotLive) && getLive(ctx, "https", local, proxies) == nil {
		return nil
	}
	return err
}

// isRelay reports whether a relay serves requests at address on this machine: /livez responds, and the root names the
// relay. Another server may respond with 200 to every path.
func isRelay(ctx context.Context, address string, proxies ProxyProtocol) bool {
	host, port, err := net.SplitHostPort(address)
	if err != nil || Live(ctx, address, proxies) != nil {
		return false
	}
	local := net.JoinHostPort(cmp.Or(host, "localhost"), port)
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	for _, scheme := range []string{"http", "https"} {
		response, err := getUnverified(ctx, url.URL{Scheme: scheme, Host: local, Path: "/"}, proxies)
		if err != nil {
			continue
		}
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxBody))
		response.Body.Close()
		if bytes.Contains(body, []byte("wpre-relay")) {
			return true
		}
	}
	return false
}

var errNotLive = errors.New("this is not a relay that serves requests")

// getLive requests /livez. It returns errNotLive if the status is not 200.
func getLive(ctx context.Context, scheme, address string, proxies ProxyProtocol) error {
	response, err := getUnverified(ctx, url.URL{Scheme: scheme, Host: address, Path: "/livez"}, proxies)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s responds with %s: %w", response.Request.URL, response.Status, errNotLive)
	}
	return nil
}

// getUnverified requests an address on this machine. It does not verify the certificate, which is for the public name.
func getUnverified(ctx context.Context, address url.URL, proxies ProxyProtocol) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Close = true // the transport is used once
	transport := &http.Transport{
		DialContext:     proxies.dial,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}
	return transport.RoundTrip(request)
}
