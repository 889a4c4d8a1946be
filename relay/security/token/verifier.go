package token

import (
	"fmt"
	"log/slog"
	"time"

	"wpre-relay/relay/watchedfile"
)

// Verifier checks tokens by keys in files. Use Open.
type Verifier struct {
	keys  *watchedfile.Value[[]Key]
	check Check
}

// Open returns the verifier that checks tokens as check says, by the keys in the files. Within a second of a change of
// them it goes by what they say then.
func Open(files []string, check Check, logger *slog.Logger) (*Verifier, error) {
	parse := func(contents [][]byte) ([]Key, error) {
		var all []Key
		for i, content := range contents {
			keys, err := ParseKeys(content)
			if err != nil {
				return nil, &watchedfile.Error{File: i, Err: err}
			}
			all = append(all, keys...)
		}
		return all, nil
	}
	keys, err := watchedfile.Open(logger, parse, files...)
	if err != nil {
		return nil, fmt.Errorf("keys of tokens: %w", err)
	}
	return &Verifier{keys, check}, nil
}

// Verify is Check.Verify with the keys as they are now.
func (v *Verifier) Verify(token string) (Claims, time.Time, error) {
	check := v.check
	check.Keys = v.keys.Get()
	return check.Verify(token)
}

// Reload reads the keys again.
func (v *Verifier) Reload() { v.keys.Reload() }
