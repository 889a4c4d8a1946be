package token

import (
	"fmt"
	"log/slog"
	"time"

	"wpre-relay/relay/watchedfile"
)

// Verifier verifies tokens with keys from files, and reads these again when they change. Use Open.
type Verifier struct {
	keys         *watchedfile.Value[[]Key]
	requirements Requirements
}

// Open returns a verifier with the keys in the files, in place of those in requirements. It uses changed keys within
// one second. If it cannot read them, it logs the error and keeps the previous ones.
func Open(files []string, requirements Requirements, logger *slog.Logger) (*Verifier, error) {
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
		return nil, fmt.Errorf("token keys: %w", err)
	}
	return &Verifier{keys, requirements}, nil
}

// Verify does the same as Requirements.Verify, with the current keys.
func (v *Verifier) Verify(token string) (Claims, time.Time, error) {
	requirements := v.requirements
	requirements.Keys = v.keys.Get()
	return requirements.Verify(token)
}

// Reload reads the keys again.
func (v *Verifier) Reload() { v.keys.Reload() }
