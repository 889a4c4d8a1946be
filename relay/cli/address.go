package cli

import (
	"errors"
	"net/url"
	"reflect"

	"github.com/alecthomas/kong"
)

// decodeURL is kong's way to an address. The error repeats nothing of that: what cannot be read is a password, as a rule.
func decodeURL(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("url", &text); err != nil {
		return err
	}
	address, err := url.Parse(text)
	if err != nil {
		return errors.New("this is no URL; what a user or a password has beside letters, digits and -._~ must be written as %XX")
	}
	target.Set(reflect.ValueOf(address))
	return nil
}
