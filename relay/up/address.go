//go:build linux

package up

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var (
	// addressBlock matches the lines that an earlier run has inserted.
	addressBlock = regexp.MustCompile(`(?s)// BEGIN wpre-relay.*?// END wpre-relay\n`)

	// loadSettings matches the line of wp-config.php that starts WordPress; constants stand above it.
	loadSettings = regexp.MustCompile(`(?m)^[ \t]*require(?:_once)?\b[^\n]*wp-settings\.php[^\n]*;`)

	// phpTag matches the first line of a configuration without that line, as Debian's package has one for each site.
	phpTag = regexp.MustCompile(`\A<\?php[ \t]*\n`)
)

// constants returns the lines for wp-config.php.
func (s *site) constants() string {
	return fmt.Sprintf(`// BEGIN wpre-relay ("wpre-relay down" removes these lines)
define( 'WPRE_RELAY_URL', '%s' );
define( 'WPRE_RELAY_JWT_KEY', '%s' );
// END wpre-relay
`, s.address, keyFile)
}

// addressStep defines the relay's address and key in wp-config.php.
func (s *site) addressStep(ctx context.Context, _ Options) (step, error) {
	planned := step{Name: "address"}
	as, err := asOwner(s.facts.Config)
	if err != nil {
		return planned, err
	}
	edit := change{Kind: editFile, Path: s.facts.Config, As: as, Text: s.constants(), Count: 1}
	text, err := s.disks().of(edit).read(ctx, edit.Path)
	if err != nil {
		return planned, err
	}
	if err := edit.place(string(text), s.facts); err != nil {
		return planned, err
	}
	planned.Changes = []change{edit}
	planned.check = func(ctx context.Context) error {
		edited, err := edit.edit(string(text))
		if err != nil {
			return err
		}
		return s.owner.lint(ctx, edited)
	}
	planned.verify = func(ctx context.Context) error {
		defined := func(f facts) bool { return f.URL == s.address && f.Key == keyFile }
		return s.expect(ctx, "define the relay's address", defined)
	}
	return planned, s.owner.lint(ctx, string(text))
}

// place sets where the constants go in the text of wp-config.php: nowhere if they are there, into the place of those
// with other values, else above the line that starts WordPress.
func (c *change) place(text string, known facts) error {
	settings := loadSettings.FindAllStringIndex(text, -1)
	tag := phpTag.FindStringIndex(text)
	block := addressBlock.FindStringIndex(text)
	switch {
	case block != nil && text[block[0]:block[1]] == c.Text:
	case block != nil:
		c.Old, c.offsets = text[block[0]:block[1]], []int{block[0]}
	case known.URL != "" || known.Key != "":
		return errors.New("WordPress defines WPRE_RELAY_URL or WPRE_RELAY_JWT_KEY elsewhere; remove that first")
	case len(settings) == 1:
		c.offsets = []int{settings[0][0]}
	case len(settings) == 0 && tag != nil && !strings.Contains(text, "declare("):
		c.offsets = []int{tag[1]}
	default:
		return fmt.Errorf("%s is not of the usual form: no single line requires wp-settings.php", c.Path)
	}
	return nil
}
