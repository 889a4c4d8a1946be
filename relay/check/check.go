// Package check looks at what is around the relay as an operator would, and says how to mend what is wrong.
package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"wpre-relay/schema"
)

// maxAnswer bounds what is read of an answer, in bytes; an event that is longer is one all the same.
const maxAnswer = 1 << 20

// ErrFailed is returned by Run if something is wrong that it has printed.
var ErrFailed = errors.New("something is wrong; see above")

const closeIt = `      Nobody needs that: the relay reads the file itself. For nginx, in the server block:

          location ^~ %[1]s { deny all; }

      For Apache, in the virtual host:

          <Location "%[1]s">
              Require all denied
          </Location>
`

// Run looks at the site, and prints a line for each finding to out, and what to do behind those that are wrong. The error
// is ErrFailed if there are any, or says why it cannot be found out.
func Run(ctx context.Context, site *url.URL, out io.Writer) error {
	root := *site
	root.Path = "/" + strings.TrimPrefix(root.Path, "/")
	folder := root.JoinPath("wp-content/realtime-events/")
	file := folder.JoinPath("latest_event.json")
	status, event, err := fetch(ctx, file)
	switch {
	case err != nil:
		return fmt.Errorf("ask for %s: %w", file, err)
	case event:
		fmt.Fprintf(out, "FAIL  %s is public: everybody can read the last event there, also that of a draft or a private post.\n", file)
		fmt.Fprintf(out, closeIt, folder.EscapedPath())
		return ErrFailed
	case status == http.StatusOK:
		fmt.Fprintf(out, "OK    %s answers 200, but not with an event.\n", file)
	default:
		fmt.Fprintf(out, "OK    %s is not public: it answers %d.\n", file, status)
	}
	return nil
}

// fetch returns with what status the address answers, and whether that is an event.
func fetch(ctx context.Context, address *url.URL) (status int, event bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return 0, false, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, false, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return 0, false, err
	}
	_, _, notAnEvent := schema.Decode(body, 0)
	return response.StatusCode, response.StatusCode == http.StatusOK && (notAnEvent == nil || len(body) == maxAnswer), nil
}
