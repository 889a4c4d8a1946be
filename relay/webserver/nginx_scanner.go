package webserver

import (
	"errors"
	"strings"
)

// nginxScanner splits a file of nginx into directives, as ngx_conf_read_token does.
type nginxScanner struct {
	text   string
	file   string
	offset int
}

// next returns the next directive without its block, and the character that ends it: ";" or "{". "}" and "" stand for
// the end of a block and of the file; then there is no directive.
func (s *nginxScanner) next() (d directive, end string, err error) {
	for {
		s.skipSpace()
		if s.offset == len(s.text) {
			if len(d.words) > 0 {
				return d, "", errors.New("the last directive has no end")
			}
			return d, "", nil
		}
		if len(d.words) == 0 {
			d.file, d.line = s.file, lineAt(s.text, s.offset)
		}
		switch c := s.text[s.offset]; c {
		case ';', '{', '}':
			s.offset++
			if (c == '}') != (len(d.words) == 0) {
				return d, "", errors.New("unexpected " + string(c))
			}
			d.isBlock, d.insert = c == '{', s.offset
			return d, string(c), nil
		}
		word, err := s.word()
		if err != nil {
			return d, "", err
		}
		d.words = append(d.words, word)
	}
}

// skipSpace skips white space and comments.
func (s *nginxScanner) skipSpace() {
	for s.offset < len(s.text) {
		switch s.text[s.offset] {
		case ' ', '\t', '\r', '\n':
			s.offset++
		case '#':
			if end := strings.IndexByte(s.text[s.offset:], '\n'); end >= 0 {
				s.offset += end
			} else {
				s.offset = len(s.text)
			}
		default:
			return
		}
	}
}

// word returns the next word without its quotes. A backslash and the character after it do not change, except in
// quotes before the quote itself.
func (s *nginxScanner) word() (string, error) {
	if quote := s.text[s.offset]; quote == '"' || quote == '\'' {
		return s.quoted(quote)
	}
	start := s.offset
	for s.offset < len(s.text) {
		switch c := s.text[s.offset]; {
		case c == '\\':
			s.offset++
		case c == '$' && strings.HasPrefix(s.text[s.offset:], "${"):
			s.offset++
		case strings.IndexByte(" \t\r\n;{", c) >= 0:
			return s.text[start:s.offset], nil
		}
		s.offset++
	}
	return "", errors.New("the last word has no end")
}

func (s *nginxScanner) quoted(quote byte) (string, error) {
	start := s.offset + 1
	for s.offset = start; s.offset < len(s.text); s.offset++ {
		switch s.text[s.offset] {
		case '\\':
			s.offset++
		case quote:
			s.offset++
			word := s.text[start : s.offset-1]
			return strings.ReplaceAll(word, `\`+string(quote), string(quote)), nil
		}
	}
	return "", errors.New("a quoted word has no end")
}
