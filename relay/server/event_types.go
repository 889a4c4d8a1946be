package server

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

const (
	// maxTypes and maxTypeLength limit the names that a client may list in ?types=, and the bytes of one name.
	maxTypes      = 16
	maxTypeLength = 64
)

// parseTypes returns the event types that the client asks for, sorted, or none if it asks for all.
func parseTypes(query url.Values) ([]string, error) {
	text := query.Get("types")
	if text == "" {
		return nil, nil
	}
	types := strings.Split(text, ",")
	for _, name := range types {
		if name == "" || len(name) > maxTypeLength {
			return nil, fmt.Errorf("types=%.80q is not a list of names of 1 to %d bytes, separated by commas",
				text, maxTypeLength)
		}
	}
	slices.Sort(types)
	if types = slices.Compact(types); len(types) > maxTypes {
		return nil, fmt.Errorf("types= has more than %d names", maxTypes)
	}
	return types, nil
}
