package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"wpre-relay/relay/security/token"
)

// Token has the flags for creating a token, or the secret that tokens are signed with.
type Token struct {
	NewKey      string            `type:"path" placeholder:"FILE"`
	KeyGroup    string            `placeholder:"NAME" help:"Let this group read the new secret, for example www-data."`
	JWTKey      string            `name:"jwt-key" type:"path" placeholder:"FILE"`
	Subject     string            `placeholder:"NAME" help:"Subject of the token (sub)."`
	Expires     time.Duration     `placeholder:"TIME" default:"1h" help:"Lifetime of the token (default: ${default})."`
	JWTAudience string            `name:"jwt-audience" placeholder:"NAME" help:"Audience of the token (aud)."`
	JWTIssuer   string            `name:"jwt-issuer" placeholder:"NAME" help:"Issuer of the token (iss)."`
	Claim       map[string]string `placeholder:"NAME=VALUE" mapsep:"none"`
}

var tokenHelp = helpTexts{
	"--new-key": "Create a new secret in this file, for --jwt-key and for the companion, and exit. Only you can read " +
		"it, and --key-group; a file that exists is not replaced.",
	"--jwt-key": "Sign with the secret or the private key in this file. Required unless --new-key is set.",
	"--claim": "Add a claim, for --filter: VALUE is JSON or, if it is not valid JSON, text, for example " +
		"--claim 'caps=[\"edit_others_posts\"]'; may be repeated.",
}

func (t *Token) validate() error {
	switch {
	case t.KeyGroup != "" && t.NewKey == "":
		return errors.New("--key-group needs --new-key")
	case t.NewKey != "":
		return nil
	case t.JWTKey == "":
		return errors.New("--jwt-key is missing: set it to the file with the secret, or with the private key that " +
			"belongs to the relay's public key (to create a secret: --new-key)")
	case t.Expires <= 0:
		return errors.New("--expires must be more than 0")
	}
	return nil
}

// run creates the secret, or prints a token as a line.
func (t *Token) run(_ context.Context, env Env) error {
	if t.NewKey != "" {
		if err := token.CreateSecret(t.NewKey, t.KeyGroup); err != nil {
			return fmt.Errorf("--new-key: %w", err)
		}
		return nil
	}
	minted, err := token.MintWithFile(t.JWTKey, t.claims(time.Now()))
	if err != nil {
		return fmt.Errorf("--jwt-key: %w", err)
	}
	_, err = fmt.Fprintln(env.Stdout, minted)
	return err
}

// claims returns the claims of a token that is issued now.
func (t *Token) claims(now time.Time) map[string]any {
	claims := map[string]any{"iat": now.Unix(), "exp": now.Add(t.Expires).Unix()}
	for name, text := range map[string]string{"sub": t.Subject, "aud": t.JWTAudience, "iss": t.JWTIssuer} {
		if text != "" {
			claims[name] = text
		}
	}
	for name, text := range t.Claim {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			value = text
		}
		claims[name] = value
	}
	return claims
}
