package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"wpre-relay/relay/config"
	"wpre-relay/relay/up"
)

// Up connects a WordPress of this machine with a relay.
type Up struct {
	UpSettings
	DryRun bool `help:"Show the plan and change nothing."`
	Yes    bool `help:"Apply the plan without asking."`
}

// UpSettings has the same fields in the same order as up.Settings, so that one converts to the other.
type UpSettings struct {
	Watch  string   `placeholder:"PATH"`
	Site   *url.URL `placeholder:"URL"`
	Path   string   `placeholder:"PATH" default:"/ws"`
	Listen string   `placeholder:"ADDR" default:"127.0.0.1:8080"`
}

var upHelp = helpTexts{
	"--watch":  "WordPress's root (default: the only WordPress that the running web server serves).",
	"--site":   "URL of the site, for a web server with several (default: any).",
	"--path":   "Path of the relay on the site (default: ${default}).",
	"--listen": "Address of the relay behind the web server (default: ${default}).",
}

// Help implements kong.HelpProvider.
func (*Up) Help() string {
	return `Finds WordPress and the web server's site for it, shows all changes as a diff, and asks. Then it installs the
key for tokens, the service, the companion, the web server's path to the relay, and the address in wp-config.php. Last,
a test event must reach a client at the public address. If a step fails, all changes are undone. It needs root,
systemd, and nginx, Apache or Caddy. 'wpre-relay down' undoes it.`
}

// urlPath matches the paths that no web server takes for a pattern.
var urlPath = regexp.MustCompile(`^(/[A-Za-z0-9_-]+)+$`)

func (s *UpSettings) validate() error {
	switch {
	case s.Site != nil && (s.Site.Host == "" || s.Site.Scheme != "http" && s.Site.Scheme != "https"):
		return errors.New("--site must be of the form https://www.example.com")
	case !urlPath.MatchString(s.Path):
		return errors.New("--path must be of the form /ws, of letters, digits, - and _")
	}
	return config.ValidateAddress("--listen", s.Listen)
}

func (u *Up) validate() error { return u.UpSettings.validate() }

func (u *Up) run(ctx context.Context, env Env) error {
	opts, err := u.options(ctx, env, u.DryRun, u.Yes)
	if err != nil {
		return err
	}
	return up.Run(ctx, opts)
}

// options returns the options of up.Run.
func (s *UpSettings) options(ctx context.Context, env Env, dryRun, yes bool) (up.Options, error) {
	program, err := os.Executable()
	if err == nil {
		program, err = filepath.EvalSymlinks(program)
	}
	return up.Options{
		Settings: up.Settings(*s),
		DryRun:   dryRun,
		Program:  program,
		Out:      env.Stdout,
		Terminal: isTerminal(env.Stdout),
		Confirm:  confirm(ctx, env, yes),
		Locate:   env.Locate,
	}, err
}

// confirm returns a function that asks on the terminal, also if the output goes to a file. An answer other than yes, an
// input that ends, and the end of ctx mean no.
func confirm(ctx context.Context, env Env, yes bool) func(question string) bool {
	answers, out := bufio.NewReader(os.Stdin), env.Stdout
	if !isTerminal(out) {
		out = env.Stderr
	}
	return func(question string) bool {
		if yes {
			return true
		}
		fmt.Fprint(out, question+" [y/N] ")
		answered := make(chan string, 1)
		go func() { // without an answer, it ends with the process
			answer, err := answers.ReadString('\n')
			if err != nil {
				answer = "no"
				fmt.Fprintln(out, "\nNo answer; set --yes to apply without asking.")
			}
			answered <- strings.ToLower(strings.TrimSpace(answer))
		}()
		select {
		case answer := <-answered:
			return answer == "y" || answer == "yes"
		case <-ctx.Done():
			fmt.Fprintln(out)
			return false
		}
	}
}

// Down undoes what Up has done.
type Down struct {
	DryRun bool `help:"Show what would be undone and change nothing."`
	Yes    bool `help:"Undo without asking."`
}

func (*Down) validate() error { return nil }

func (d *Down) run(ctx context.Context, env Env) error {
	return up.Down(ctx, up.Options{
		DryRun:   d.DryRun,
		Out:      env.Stdout,
		Terminal: isTerminal(env.Stdout),
		Confirm:  confirm(ctx, env, d.Yes),
	})
}
