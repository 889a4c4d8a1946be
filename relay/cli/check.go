package cli

import (
	"errors"
	"net/url"
	"time"
)

// Check are the settings of the look around: besides its own those of the relay, which it takes from the same places. None
// of these is needed.
type Check struct {
	Site *url.URL      `group:"look" placeholder:"URL" help:"The site, as https://www.example.com: whether it gives events away, and where its pages connect to."`
	URL  *url.URL      `group:"look" placeholder:"URL" help:"Where browsers connect to, as wss://www.example.com/ws: whether they get through."`
	Idle time.Duration `group:"look" placeholder:"TIME" default:"30s" help:"How long to see whether that connection holds; the relay pings every 25s (default: ${default}; 0: not at all)."`
	JSON bool          `group:"look" name:"json" help:"Print one JSON array in place of text."`
	Serve
}

// validate refuses what cannot be meant.
func (c *Check) validate() error {
	switch {
	case c.Site != nil && (c.Site.Host == "" || c.Site.Scheme != "http" && c.Site.Scheme != "https"):
		return errors.New("--site must be the site's address, of the form https://www.example.com")
	case c.URL != nil && (c.URL.Host == "" || c.URL.Scheme != "ws" && c.URL.Scheme != "wss"):
		return errors.New("--url must be of the form wss://www.example.com/ws")
	case c.Idle < 0:
		return errors.New("--idle must not be negative")
	case c.Watch == "" && c.Site == nil && c.URL == nil:
		return errors.New("give at least one of --watch, --site and --url: the more, the more is found")
	}
	return nil
}
