package check

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"
)

const (
	// maxBody bounds the bytes that are read of a response. Pages are usually below 200 KiB.
	maxBody = 1 << 20

	// siteTimeout bounds one request to the site, with its redirects.
	siteTimeout = 10 * time.Second
)

// browserHeader are the headers of a browser that opens a page. Filters against bots block requests without them.
var browserHeader = map[string]string{
	"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 " +
		"Safari/537.36 wpre-relay-check",
	"Accept":                    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
	"Accept-Language":           "en-US,en;q=0.9",
	"Sec-Fetch-Dest":            "document",
	"Sec-Fetch-Mode":            "navigate",
	"Sec-Fetch-Site":            "none",
	"Sec-Fetch-User":            "?1",
	"Upgrade-Insecure-Requests": "1",
}

// answer is the response to a request, after redirects.
type answer struct {
	address *url.URL // of the response; that of the request if err is not nil
	status  int
	header  http.Header
	body    []byte // at most maxBody bytes
	err     error
}

// fetch requests the address as a browser does: with its headers, and with cookies across redirects, of which it
// follows at most 10.
func fetch(ctx context.Context, address *url.URL) answer {
	ctx, cancel := context.WithTimeout(ctx, siteTimeout)
	defer cancel()
	failed := func(err error) answer { return answer{address: address, err: err} }
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return failed(err)
	}
	for name, value := range browserHeader {
		request.Header.Set(name, value)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return failed(err)
	}
	response, err := (&http.Client{Jar: jar}).Do(request)
	if err != nil {
		return failed(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	return answer{response.Request.URL, response.StatusCode, response.Header, body, err}
}

// isChallenge reports whether a filter against bots has answered in the site's place.
func (a answer) isChallenge() bool { return a.header.Get("Cf-Mitigated") != "" }
