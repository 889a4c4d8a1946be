package watcher

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// phpSource is PHP code without comments and without the text outside of PHP's tags. Each string in code is replaced
// by its index in literals, in single quotes, so that no text in a string is taken for code.
type phpSource struct {
	code     string
	literals []string // with their quotes
}

// readPHP reads a file of PHP. It does not parse: it only knows where comments, strings and tags end.
func readPHP(text string) (source phpSource) {
	var code strings.Builder
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "<?")
		if !found {
			break
		}
		rest = strings.TrimPrefix(after, "php")
		for rest != "" && !strings.HasPrefix(rest, "?>") {
			n, isLiteral := phpTokenLength(rest)
			switch {
			case isLiteral:
				code.WriteString("'" + strconv.Itoa(len(source.literals)) + "'")
				source.literals = append(source.literals, rest[:n])
			case n > 1: // a comment
				code.WriteByte(' ')
			default:
				code.WriteByte(rest[0])
			}
			rest = rest[n:]
		}
		code.WriteByte(';') // as the closing tag
	}
	source.code = code.String()
	return source
}

var (
	// phpLiteral matches a string of PHP. Heredocs (<<<ID) end at the line that begins with ID, see phpTokenLength.
	phpLiteral = regexp.MustCompile(`^(?s:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")`)
	phpHeredoc = regexp.MustCompile(`^<<<[ \t]*['"]?(\w+)['"]?\r?\n`)

	phpBlockComment = regexp.MustCompile(`^(?s:/\*.*?(?:\*/|$))`)
)

// phpTokenLength returns the length of the string or comment at the start of code, or 1 if another token is there.
func phpTokenLength(code string) (n int, isLiteral bool) {
	switch {
	case code[0] == '\'', code[0] == '"':
		if literal := phpLiteral.FindString(code); literal != "" {
			return len(literal), true
		}
	case strings.HasPrefix(code, "/*"):
		return len(phpBlockComment.FindString(code)), false
	case strings.HasPrefix(code, "//"), code[0] == '#' && !strings.HasPrefix(code, "#["): // #[ begins an attribute
		return lineCommentLength(code), false
	case strings.HasPrefix(code, "<<<"):
		start := phpHeredoc.FindStringSubmatch(code)
		if start == nil {
			break
		}
		end := regexp.MustCompile(`(?m)^[ \t]*` + start[1] + `\b`).FindStringIndex(code[len(start[0]):])
		if end != nil {
			return len(start[0]) + end[1], true
		}
	}
	return 1, false
}

// lineCommentLength returns the length of the comment at the start of code. A closing tag ends it too.
func lineCommentLength(code string) int {
	n := len(code)
	for _, end := range []string{"\n", "?>"} {
		if i := strings.Index(code, end); i >= 0 {
			n = min(n, i)
		}
	}
	return n
}

// PHPCode returns the code of a PHP file, with its strings, but without its comments.
func PHPCode(text []byte) []byte {
	source := readPHP(string(text))
	return []byte(source.restore(source.code))
}

var phpLiteralIndex = regexp.MustCompile(`'\d+'`)

// restore puts the strings back into a piece of the code.
func (s phpSource) restore(code string) string {
	return phpLiteralIndex.ReplaceAllStringFunc(code, func(index string) string {
		n, _ := strconv.Atoi(strings.Trim(index, "'"))
		return s.literals[n]
	})
}

var (
	// phpDefine matches the start of a definition by define, with the name; phpDefinition matches all of it, with name
	// and value; phpConst matches a list of definitions by const.
	phpDefine     = regexp.MustCompile(`(?i)\bdefine\s*\(\s*('\d+')\s*,`)
	phpDefinition = regexp.MustCompile(`(?i)\bdefine\s*\(\s*('\d+')\s*,\s*([^;]+?)\s*\)\s*;`)
	phpConst      = regexp.MustCompile(`(?i)\bconst\s+([^;]+)`)
)

// definitions returns the expressions that the code gives to a constant, in all of its branches. complete is false if
// there are definitions whose expression has no clear end.
func (s phpSource) definitions(name string) (expressions []string, complete bool) {
	isName := func(literal string) bool {
		return slices.Contains([]string{"'" + name + "'", `"` + name + `"`}, literal)
	}
	open := 0
	for _, match := range phpDefine.FindAllStringSubmatch(s.code, -1) {
		if isName(s.restore(match[1])) {
			open++
		}
	}
	for _, match := range phpDefinition.FindAllStringSubmatch(s.code, -1) {
		if isName(s.restore(match[1])) {
			open--
			expressions = append(expressions, s.restore(match[2]))
		}
	}
	for _, match := range phpConst.FindAllStringSubmatch(s.code, -1) {
		for definition := range strings.SplitSeq(match[1], ",") {
			defined, expression, found := strings.Cut(definition, "=")
			if fields := strings.Fields(defined); found && len(fields) > 0 && fields[len(fields)-1] == name {
				expressions = append(expressions, s.restore(strings.TrimSpace(expression)))
			}
		}
	}
	return expressions, open == 0
}
