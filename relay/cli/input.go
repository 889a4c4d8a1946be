package cli

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// input is a setting's value from the environment or the configuration file, before it is decoded.
type input struct {
	value  any    // nil, a string, a bool or a list, or from YAML another type
	source string // the variable, or the path of the configuration file with the line
	hidden bool   // the value is the content of a file, so no error may contain it
}

// mapper decodes the values of one flag, whatever their source is. It rejects empty security settings, names the
// source in errors, and keeps secrets out of them.
type mapper struct {
	kong.Mapper
	flag *kong.Flag
	seen *hiddenValues
}

// safeError is a text that contains no part of a value.
type safeError string

func (e safeError) Error() string { return string(e) }

const (
	errEmpty   = safeError("must not be empty, since that would turn a protection off; set it or remove it")
	errNotUTF8 = safeError("is not valid UTF-8; for a file with such a name, make a symbolic link with another name")
	errValue   = safeError("the value is missing or not valid; it is not shown, since it may be a secret")
)

// useMappers makes each flag decode its values with a mapper.
func useMappers(seen *hiddenValues) func(*kong.Kong) error {
	return func(parser *kong.Kong) error {
		for _, flag := range allFlags(parser.Model) {
			flag.Mapper = mapper{flag.Mapper, flag, seen}
		}
		return nil
	}
}

// Decode implements kong.Mapper.
func (m mapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	token := ctx.Scan.Peek()
	text, _ := token.Value.(string)
	if !m.flag.IsBool() && (token.IsEOL() || token.Type == kong.UntypedToken && strings.HasPrefix(text, "--")) {
		return safeError("the value is missing: --" + m.flag.Name + "=" + m.flag.FormatPlaceHolder())
	}
	in, resolved := token.Value.(input)
	if !resolved && (!m.flag.IsBool() || token.Type == kong.FlagValueToken) {
		in.value = token.Value
	}
	if m.flag.IsSlice() {
		in.value = trimItems(in.value, m.flag.Tag.Sep)
	}
	if resolved || m.flag.IsSlice() {
		ctx.Scan.Pop()
		ctx.Scan.PushTyped(in.value, token.Type)
	}
	given := resolved || in.value != nil // false for a bool flag without a value
	if given && isSecurity(m.flag) && m.hasEmpty(in.value) {
		return m.sourced(errEmpty, in)
	}
	return m.sourced(m.decode(ctx, target, in), in)
}

// trimItems returns a list without the white space around its items: "publish, private".
func trimItems(list any, separator rune) any {
	switch v := list.(type) {
	case string:
		items := kong.SplitEscaped(v, separator)
		for i, item := range items {
			items[i] = strings.TrimSpace(item)
		}
		return kong.JoinEscaped(items, separator)
	case []any:
		items := slices.Clone(v)
		for i, item := range items {
			if text, ok := item.(string); ok {
				items[i] = strings.TrimSpace(text)
			}
		}
		return items
	default:
		return list
	}
}

// sourced adds the source of a value to its error.
func (m mapper) sourced(err error, in input) error {
	if err != nil && in.source != "" {
		return fmt.Errorf("%w (from %s)", err, in.source)
	}
	return err
}

// decode decodes a value that is not empty.
func (m mapper) decode(ctx *kong.DecodeContext, target reflect.Value, in input) error {
	if in.hidden {
		m.seen.add(m.flag, in.value)
	}
	if words := m.flag.EnumSlice(); m.flag.Enum != "" && !slices.Contains(words, fmt.Sprint(in.value)) {
		if in.hidden {
			return errValue
		}
		return fmt.Errorf("%q is not one of %s", fmt.Sprint(in.value), strings.Join(words, ", "))
	}
	err := m.Mapper.Decode(ctx, target)
	if _, safe := errors.AsType[safeError](err); err != nil && !safe && (in.hidden || isSecret(m.flag)) {
		return errValue
	}
	return err
}

// hasEmpty reports whether a value is empty, or is a list that is empty or has an empty item.
func (m mapper) hasEmpty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		if m.flag.IsSlice() {
			items := kong.SplitEscaped(v, m.flag.Tag.Sep)
			return len(items) == 0 || slices.ContainsFunc(items, isBlank)
		}
		return isBlank(v)
	case []any:
		return len(v) == 0 || slices.ContainsFunc(v, func(item any) bool { return item == nil || item == "" })
	default:
		return false
	}
}

func isBlank(text string) bool { return strings.TrimSpace(text) == "" }

// hiddenValues are the contents of files that settings were read from.
type hiddenValues []string

// minHidden is the least length of a text that redact replaces. A shorter one is part of ordinary words.
const minHidden = 4

// add keeps the lines of a flag's value. It omits URLs: errors show them without their passwords, and the host of a
// server that cannot be reached must be shown.
func (h *hiddenValues) add(flag *kong.Flag, value any) {
	if isURL(flag) {
		return
	}
	for line := range strings.Lines(fmt.Sprint(value)) {
		if line = strings.TrimSpace(line); len(line) >= minHidden {
			*h = append(*h, line)
		}
	}
}

// redactedError is an error whose text had the content of a file in it.
type redactedError struct {
	error
	text string
}

func (e redactedError) Error() string { return e.text }
func (e redactedError) Unwrap() error { return e.error }

// redact returns err without the values. If it contains none, it returns err itself.
func (h hiddenValues) redact(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, value := range h {
		quoted := fmt.Sprintf("%q", value)
		text = strings.ReplaceAll(text, value, "xxxxx")
		text = strings.ReplaceAll(text, quoted[1:len(quoted)-1], "xxxxx")
	}
	if text == err.Error() {
		return err
	}
	return redactedError{err, text}
}
