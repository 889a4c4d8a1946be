package verb

import (
	"fmt"
	"io"

	"wpre-relay/relay/cli"
	"wpre-relay/relay/security/token"
)

// Token makes a token and writes it to out, on a line of its own.
func Token(t cli.Token, out io.Writer) error {
	minted, err := token.MintWithFile(t.JWTKey, t.Claims())
	if err != nil {
		return fmt.Errorf("--jwt-key: %w", err)
	}
	_, err = fmt.Fprintln(out, minted)
	return err
}
