package server

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

const (
	// maxTypes and maxTypeLength bound what a client may ask for with ?types=.
	maxTypes      = 16
	maxTypeLength = 64
)

// parseTypes returns the types that the client wants, in order, none if it wants all.
func parseTypes(query url.Values) ([]string, error) {
	text := query.Get("types")
	if text == "" {
		return nil, nil
	}
	types := strings.Split(text, ",")
	for _, name := range types {
		if name == "" || len(name) > maxTypeLength {
			return nil, fmt.Errorf("types=%.80q is not a list of names of up to %d letters, divided by commas", text, maxTypeLength)
		}
	}
	slices.Sort(types)
	if types = slices.Compact(types); len(types) > maxTypes {
		return nil, fmt.Errorf("types= has more than %d names", maxTypes)
	}
	return types, nil
}
