package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"wpre-relay/relay/companion"
)

// Companion prints or installs the must-use plugin.
type Companion struct {
	Install string `placeholder:"DIR"`
}

var companionHelp = helpTexts{
	"--install": "Install the companion instead of printing it: DIR is WordPress's root, wp-content or the directory " +
		"of must-use plugins. Root installs it as the owner of that directory. It replaces an older companion.",
}

func (*Companion) validate() error { return nil }

func (c *Companion) run(_ context.Context, env Env) error {
	if c.Install == "" {
		_, err := env.Stdout.Write(companion.Plugin)
		return err
	}
	dir, err := c.directory(env)
	if err != nil {
		return err
	}
	if err := becomeOwner(dir); err != nil {
		return err
	}
	path, err := companion.Install(dir)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(env.Stdout, "Installed", path)
	return err
}

// directory returns the directory of must-use plugins. WordPress's configuration may name it (WPMU_PLUGIN_DIR).
func (c *Companion) directory(env Env) (string, error) {
	dir := filepath.Clean(c.Install)
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return "", fmt.Errorf("--install: %s is not a directory", dir)
	}
	if filepath.Base(dir) == "mu-plugins" || companion.Find(os.DirFS(dir)) != "" {
		return dir, nil
	}
	file, doubt, err := env.Locate(dir)
	switch {
	case err != nil:
		return "", err
	case doubt != "":
		return "", fmt.Errorf("--install: %s; pass the directory of must-use plugins", doubt)
	}
	switch named, err := env.ConfigConstant(dir, file, "WPMU_PLUGIN_DIR"); {
	case err != nil:
		return "", fmt.Errorf("--install: pass the directory of must-use plugins: %w", err)
	case len(named) > 1:
		return "", fmt.Errorf("--install: WPMU_PLUGIN_DIR has several values; pass one of %q", named)
	case len(named) == 1:
		return named[0], nil
	}
	return filepath.Join(filepath.Dir(filepath.Dir(file)), "mu-plugins"), nil
}
