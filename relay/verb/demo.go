package verb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"

	"wpre-relay/relay/cli"
	"wpre-relay/relay/config"
	"wpre-relay/relay/demo"
	"wpre-relay/relay/listener"
)

const demoText = `
A folder stands in for WordPress: %s
Posts are saved there as the plugin does it. Watch them come out of the relay,
  in a browser:         %s
  in another terminal:  wpre-relay tail %s
Ctrl-C ends it.

`

// Demo has serve run the relay on a folder that stands in for WordPress, saves posts in it, and writes to out what comes back,
// until ctx ends or there were as many as asked for. Serve must return nil when its context ends. When Demo returns, serve has
// returned and the folder is gone.
func Demo(ctx context.Context, d cli.Demo, serve func(context.Context, config.Relay) error, out io.Writer, logger *slog.Logger) error {
	root, file, err := demo.NewSite()
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	page, err := listener.Listen("--page-listen", d.PageListen)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var parts sync.WaitGroup
	var served, pageServed error
	parts.Go(func() {
		defer cancel()
		served = serve(ctx, d.Settings(root))
	})
	url := "ws://" + d.Listen
	_, port, _ := net.SplitHostPort(d.Listen)
	parts.Go(func() {
		defer cancel()
		pageServed = listener.Serve(ctx, page, demo.Page(port), logger)
	})
	fmt.Fprintf(out, demoText, root, listener.URL("http", page.Addr()), url)
	err = demo.Run(ctx, file, url, d.Every, d.Count, out)
	cancel()
	parts.Wait()
	if failed := errors.Join(served, pageServed); failed != nil {
		return failed // also if somebody else, who has the port, has answered in the relay's place
	}
	return err
}
