//go:build linux

package up

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// kind is the kind of a change.
type kind string

const (
	makeDir  kind = "directory" // creates a directory
	makeFile kind = "file"      // creates or replaces a file
	makeLink kind = "link"      // creates a symbolic link
	editFile kind = "edit"      // inserts text into a file, or replaces text that an earlier run has inserted
)

// change is one change of a file. Its exported fields are stored in the record, and suffice to undo it.
type change struct {
	Kind   kind
	Path   string
	As     *user  `json:",omitempty"` // works as this user; nil: as root
	Text   string `json:",omitempty"` // editFile: the inserted text
	Old    string `json:",omitempty"` // editFile: the text that was in its place
	Count  int    `json:",omitempty"` // editFile: how often it was inserted
	Backup string `json:",omitempty"` // file with the previous content, "" if there was none

	// Outbox holds the files that the companion writes once it is installed.
	Outbox *outbox `json:",omitempty"`

	content []byte // makeFile: the content
	mode    fs.FileMode
	group   uint32
	secret  bool   // the content is not shown
	target  string // makeLink
	offsets []int  // editFile: where Text goes, in ascending order; or where Old is
}

// isDone reports whether the change has been made already.
func (c change) isDone(ctx context.Context, d disk) (bool, error) {
	switch c.Kind {
	case makeDir:
		info, err := os.Stat(c.Path)
		return err == nil && info.IsDir(), nil
	case makeLink:
		_, err := os.Lstat(c.Path)
		return err == nil, nil
	case editFile:
		return len(c.offsets) == 0, nil
	}
	content, err := d.read(ctx, c.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return bytes.Equal(content, c.content), err
}

// apply makes the change.
func (c change) apply(ctx context.Context, d disk) error {
	switch c.Kind {
	case makeDir:
		return d.mkdir(ctx, c.Path)
	case makeLink:
		return d.symlink(ctx, c.target, c.Path)
	case makeFile:
		return d.write(ctx, c.Path, c.content, c.mode, user{GID: c.group})
	}
	text, err := d.read(ctx, c.Path)
	if err != nil {
		return err
	}
	edited, err := c.edit(string(text))
	if err != nil {
		return err
	}
	return d.write(ctx, c.Path, []byte(edited), 0, user{})
}

// edit returns a file's text with Text at each offset, in the place of Old.
func (c change) edit(text string) (string, error) {
	var b strings.Builder
	from := 0
	for _, offset := range c.offsets {
		if offset > len(text) || !strings.HasPrefix(text[offset:], c.Old) {
			return "", fmt.Errorf("edit %s: it was changed meanwhile", c.Path)
		}
		b.WriteString(text[from:offset] + c.Text)
		from = offset + len(c.Old)
	}
	return b.String() + text[from:], nil
}

// outbox is the directory of the companion's files, and the user who writes them.
type outbox struct {
	Dir string
	As  user
}

// undo restores the state before the change, also if it was made in part or not at all. Its error names the copy of the
// file as it was before.
func (c change) undo(ctx context.Context, disks disks) error {
	err := c.restore(ctx, disks)
	if err != nil && c.Backup != "" {
		return fmt.Errorf("restore %s: %w; it is as before in %s", c.Path, err, c.Backup)
	}
	return err
}

// restore restores the state before the change. Text that others have added to an edited file stays. The companion's
// files stay if the relay does not run: it may not have read them.
func (c change) restore(ctx context.Context, disks disks) error {
	d := disks.of(c)
	if c.Kind == makeFile || c.Kind == editFile {
		if err := d.tidy(ctx, c.Path); err != nil {
			return err
		}
	}
	switch {
	case c.Outbox != nil && c.Backup == "" && isActive(ctx, unitName):
		_, err := disks.as(c.Outbox.As).run(ctx, nil, "clean", c.Outbox.Dir)
		return errors.Join(d.remove(ctx, c.Path), err)
	case c.Kind == makeDir:
		return d.rmdir(ctx, c.Path)
	case c.Kind == makeLink, c.Kind == makeFile && c.Backup == "":
		return d.remove(ctx, c.Path)
	case c.Kind == makeFile:
		content, err := disks.system.read(ctx, c.Backup)
		if err != nil {
			return err
		}
		return d.restore(ctx, c.Path, content)
	}
	text, err := d.read(ctx, c.Path)
	switch count := bytes.Count(text, []byte(c.Text)); {
	case err != nil:
		return err
	case count == 0:
		return nil
	case count != c.Count:
		return fmt.Errorf("%d of the %d insertions are left", count, c.Count)
	}
	return d.restore(ctx, c.Path, bytes.ReplaceAll(text, []byte(c.Text), []byte(c.Old)))
}

// diff returns the change as lines of a diff without context, since a line beside it may hold a password. text is the
// content of an edited file.
func (c change) diff(text string) string {
	var b strings.Builder
	switch c.Kind {
	case makeDir:
		return fmt.Sprintf("+++ %s/ (new directory)\n", c.Path)
	case makeLink:
		return fmt.Sprintf("+++ %s (new link to %s)\n", c.Path, c.target)
	case makeFile:
		fmt.Fprintf(&b, "+++ %s (mode %04o)\n", c.Path, c.mode)
		if c.secret {
			return b.String() + "+(a random secret)\n"
		}
		if lines := strings.Count(string(c.content), "\n"); lines > maxDiffLines {
			return b.String() + fmt.Sprintf("+(%d lines)\n", lines)
		}
		return b.String() + prefixed("+", string(c.content))
	}
	fmt.Fprintf(&b, "--- %[1]s\n+++ %[1]s\n", c.Path)
	for _, offset := range c.offsets {
		fmt.Fprintf(&b, "@@ line %d @@\n", strings.Count(text[:offset], "\n")+1)
		b.WriteString(prefixed("-", c.Old) + prefixed("+", c.Text))
	}
	return b.String()
}

// maxDiffLines is the length of a new file that a diff shows. Longer files belong to this program, such as the
// companion, which a command prints.
const maxDiffLines = 40

// prefixed returns the lines of a text, each with a prefix.
func prefixed(prefix, text string) string {
	var b strings.Builder
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		b.WriteString(prefix + strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}

// insertAt returns the change that inserts a text into a file at some offsets.
func insertAt(path, text string, as *user, offsets ...int) change {
	slices.Sort(offsets)
	return change{Kind: editFile, Path: path, As: as, Text: text, Count: len(offsets), offsets: offsets}
}
