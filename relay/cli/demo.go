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
	Listen      string        `placeholder:"ADDR" default:"localhost:8080"`
	PageListen  string        `placeholder:"ADDR" default:"localhost:8888"`
	AdminListen string        `placeholder:"ADDR" default:"localhost:8081"`
	Every       time.Duration `placeholder:"TIME" default:"0s"`
	Count       int           `placeholder:"N" default:"0"`
}

var demoHelp = helpTexts{
	"--listen":       "Address of the relay (default: ${default}).",
	"--page-listen":  "Address of the page of the simulated WordPress site (default: ${default}).",
	"--admin-listen": "Address of the relay's status page; 'off' for none (default: ${default}).",
	"--every": "Save a post at this interval too, and print its event (default: never; 2s if --count is " +
		"set).",
	"--count": "Number of posts to save and print before the demo ends (default: 0, until Ctrl-C).",
}

// defaultEvery is the time between two posts if only their number is set.
const defaultEvery = 2 * time.Second

const demoText = `wpre-relay demo: %s
Press Ctrl-C to stop.
`

// Help implements kong.HelpProvider.
func (*Demo) Help() string {
	return `Runs a relay for a temporary WordPress directory. Its page saves posts as the plugin does, receives their
events from the relay, and shows when each event was written, read, decided, in the journal and in the browser. The
relay logs warnings and errors only, unless --log-level is debug.`
}

func (d *Demo) validate() error {
	switch {
	case d.Every < 0:
		return errors.New("--every must not be negative; 0 means never")
	case d.Count < 0:
		return errors.New("--count must not be negative; 0 means until Ctrl-C")
	}
	for flag, address := range map[string]string{"--listen": d.Listen, "--page-listen": d.PageListen} {
		if err := config.ValidateAddress(flag, address); err != nil {
			return err
		}
	}
	if d.AdminListen == config.Off {
		return nil
	}
	return config.ValidateAddress("--admin-listen", d.AdminListen)
}

// settings returns the settings of a relay for the site in root.
func (d *Demo) settings(root string) config.Relay {
	s := config.Default()
	s.Watch = root
	s.StateDir = filepath.Join(root, "state")
	s.History = 1000
	s.Listen = d.Listen
	s.CatchUp, s.Drain = 0, 0 // no event is older than the demo, and Ctrl-C stops it at once
	s.AdminListen = d.AdminListen
	s.PublicStatus = []string{"publish"}
	return s
}

// run runs a relay for a temporary site, and a page that saves posts there, until ctx ends or Count posts are saved. It
// removes the site before it returns.
func (d *Demo) run(ctx context.Context, env Env) (err error) {
	recorder := demo.NewRecorder()
	site, err := demo.NewSite(recorder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(site.Root)) }()
	socket, err := d.openPorts(env.Logger)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	page := demo.NewPage(site, d.ports(socket.Addr()), ctx.Done())
	var servers sync.WaitGroup
	var relayErr, pageErr error
	servers.Go(func() {
		defer cancel()
		relayErr = env.Serve(ctx, d.settings(site.Root), recorder.Trace())
	})
	servers.Go(func() {
		defer cancel()
		pageErr = listener.Serve(ctx, socket, page, listener.Options{Logger: env.Logger})
		page.Wait()
	})
	err = d.savePosts(ctx, site, listener.URL("http", socket.Addr()), env.Stdout)
	cancel()
	servers.Wait()
	if cause := errors.Join(relayErr, pageErr); cause != nil {
		return cause // savePosts then talks to another program on the port, or to none
	}
	return err
}

// savePosts prints the address of the page when the relay listens. It then saves posts, if flags ask for that, or waits
// for the end of ctx.
func (d *Demo) savePosts(ctx context.Context, site *demo.Site, address string, out *os.File) error {
	conn, err := demo.Connect(ctx, "ws://"+d.Listen)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil // a signal came, or a server has ended
	case err != nil:
		return err
	}
	fmt.Fprintf(out, demoText, address)
	every := d.Every
	if every == 0 && d.Count > 0 {
		every = defaultEvery
	}
	if every == 0 {
		conn.CloseNow()
		<-ctx.Done()
		return nil
	}
	return demo.SavePosts(ctx, site, conn, every, d.Count, out)
}

// openPorts opens the socket of the page, and sets the ports of the relay's addresses that have port 0. The error says
// which flag has an address that cannot be used.
func (d *Demo) openPorts(logger *slog.Logger) (page *listener.Socket, err error) {
	if d.Listen, err = reserve("--listen", d.Listen, logger); err != nil {
		return nil, err // otherwise the demo would connect to the program that listens
	}
	if d.AdminListen != config.Off {
		if d.AdminListen, err = reserve("--admin-listen", d.AdminListen, logger); err != nil {
			return nil, err
		}
	}
	return listener.Listen("--page-listen", d.PageListen, logger)
}

// reserve returns the address with the port that the system has chosen, if the port is 0. The error says why nothing
// can listen there.
func reserve(flag, address string, logger *slog.Logger) (string, error) {
	free, err := listener.Listen(flag, address, logger)
	if err != nil {
		return "", err
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", errors.Join(err, free.Close())
	}
	return net.JoinHostPort(host, port(free.Addr())), free.Close()
}

// ports returns the ports that the page links to.
func (d *Demo) ports(page net.Addr) demo.Ports {
	_, relay, _ := net.SplitHostPort(d.Listen)
	ports := demo.Ports{Page: port(page), Relay: relay}
	if d.AdminListen != config.Off {
		_, ports.Admin, _ = net.SplitHostPort(d.AdminListen)
	}
	return ports
}

// port returns the port of a TCP address.
func port(addr net.Addr) string {
	_, port, _ := net.SplitHostPort(addr.String())
	return port
}
