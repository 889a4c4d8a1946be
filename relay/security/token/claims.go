package token

import (
	"fmt"
	"math"
	"time"
)

// maxDate limits the numbers that are dates. JSON numbers are exact up to it (RFC 8259 §6), and larger ones can
// overflow time.Time: PHP_INT_MAX would be in the past.
const maxDate = 1<<53 - 1

// Date returns the time that a decoded JSON number means as a NumericDate (RFC 7519 §2), in seconds since 1970.
func Date(seconds float64) (time.Time, error) {
	if !(math.Abs(seconds) <= maxDate) { // also true for NaN
		return time.Time{}, fmt.Errorf("out of range: more than %d seconds from 1970", maxDate)
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9)), nil
}

// checkTypes returns an *InvalidError if a claim that the relay checks has the wrong type, or is a date that is out
// of range. The error names the claim.
func (q Requirements) checkTypes(claims Claims) error {
	for _, name := range []string{"exp", "nbf"} {
		value, found := claims[name]
		if !found {
			continue
		}
		seconds, ok := value.(float64)
		if !ok {
			return &InvalidError{fmt.Sprintf("the token's %s must be a number, not %s", name, typeName(value))}
		}
		if _, err := Date(seconds); err != nil {
			return &InvalidError{fmt.Sprintf("the token's %s is %v", name, err)}
		}
	}
	if value, found := claims["aud"]; found && q.Audience != "" && !isStringOrStrings(value) {
		return &InvalidError{"the token's aud must be a string or an array of strings, not " + typeName(value)}
	}
	if value, found := claims["iss"]; found && q.Issuer != "" {
		if _, ok := value.(string); !ok {
			return &InvalidError{"the token's iss must be a string, not " + typeName(value)}
		}
	}
	return nil
}

func isStringOrStrings(value any) bool {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, element := range list {
		if _, ok := element.(string); !ok {
			return false
		}
	}
	return true
}

// typeName returns the name of the JSON type of a decoded value.
func typeName(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	default:
		return "an object"
	}
}
