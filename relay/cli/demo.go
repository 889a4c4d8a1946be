package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"wpre-relay/relay/config"
	"wpre-relay/relay/demo"
	"wpre-relay/relay/listener"
)

// Demo has the flags of the demonstration.
type Demo struct {
	Listen     string        `placeholder:"ADDR" default:"localhost:8080"`
	PageListen string        `placeholder:"ADDR" default:"localhost:8888"`
	Every      time.Duration `placeholder:"TIME" default:"2s" help:"Time between two posts (default: ${default})."`
	Count      int           `placeholder:"N" default:"0"`
}

var demoHelp = helpTexts{
	"--listen":      "Address of the relay (default: ${default}).",
	"--page-listen": "Address of the page of the simulated WordPress site (default: ${default}).",
	"--count":       "Number of posts to save (default: 0, until Ctrl-C).",
}

const demoText = `
Directory of the simulated WordPress: %s
The demo saves posts in it as the plugin does. To see the relay's events,
  in a browser:         %s
  in another terminal:  wpre-relay tail %s
Press Ctrl-C to stop.

`

func (d *Demo) validate() error {
	switch {
	case d.Every <= 0:
		return errors.New("--every must be more than 0")
	case d.Count < 0:
		return errors.New("--count must not be negative; 0 means until Ctrl-C")
	}
	if err := config.ValidateAddress("--listen", d.Listen); err != nil {
		return err
	}
	return config.ValidateAddress("--page-listen", d.PageListen)
}

// settings returns the settings of a relay for the site in root.
func (d *Demo) settings(root string) config.Relay {
	s := config.Default()
	s.Watch = root
	s.StateDir = filepath.Join(root, "state")
	s.History = 1000
	s.Listen = d.Listen
	s.CatchUp, s.Drain = 0, 0 // no event is older than the demo, and Ctrl-C stops it at once
	s.AdminListen = config.Off
	s.PublicStatus = []string{"publish"}
	return s
}

// run runs a relay for a temporary site, saves posts there, and prints the events that the relay sends, until ctx
// ends or Count posts are saved. It removes the site before it returns.
func (d *Demo) run(ctx context.Context, env Env) error {
	root, file, err := demo.NewSite()
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	if err := tryListen(d.Listen, env.Logger); err != nil {
		return err // the demo would connect to the program that listens
	}
	page, err := listener.Listen("--page-listen", d.PageListen, env.Logger)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var servers sync.WaitGroup
	var relayErr, pageErr error
	servers.Go(func() {
		defer cancel()
		relayErr = env.Serve(ctx, d.settings(root))
	})
	url := "ws://" + d.Listen
	_, port, _ := net.SplitHostPort(d.Listen)
	servers.Go(func() {
		defer cancel()
		pageErr = listener.Serve(ctx, page, demo.Page(port), listener.Options{Logger: env.Logger})
	})
	conn, err := demo.Connect(ctx, url)
	switch {
	case err == nil:
		fmt.Fprintf(env.Stdout, demoText, root, listener.URL("http", page.Addr()), url)
		err = demo.Run(ctx, file, conn, d.Every, d.Count, env.Stdout)
	case ctx.Err() != nil:
		err = nil // a signal came, or a server has ended
	}
	cancel()
	servers.Wait()
	if cause := errors.Join(relayErr, pageErr); cause != nil {
		return cause // demo.Run then talks to another program on the port, or to none
	}
	return err
}

// tryListen returns why the relay cannot listen at the address, or nil.
func tryListen(address string, logger *slog.Logger) error {
	free, err := listener.Listen("--listen", address, logger)
	if err != nil {
		return err
	}
	return free.Close()
}
