package token

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// leeway is the tolerated difference between this machine's clock and the one of the token's issuer.
const leeway = 10 * time.Second

// Claims are the claims of a token, as encoding/json decodes them.
type Claims = map[string]any

// Requirements are the conditions for a valid token.
type Requirements struct {
	Keys     []Key  // one of them must have signed the token; there are several while keys are rotated
	Audience string // required aud; "": any
	Issuer   string // required iss; "": any
}

// InvalidError says why a token is not valid. It does not contain the token.
type InvalidError struct{ text string }

// Error implements error.
func (e *InvalidError) Error() string { return e.text }

// ErrExpired is the error for a token that meets all requirements, except that it has expired.
var ErrExpired = &InvalidError{"the token has expired"}

// errCritical rejects every token with crit. It lists header parameters that the recipient must understand (RFC 7515
// §4.1.11), such as b64, and the relay understands none of them.
var errCritical = &InvalidError{"the token's header has crit, which the relay does not support"}

// Verify returns the claims of a token and the time from which it is no longer valid, which includes the leeway of 10
// seconds. A valid token has exp, its nbf, if any, is in the past, and its header has no crit. The error is an
// *InvalidError if the token is not valid. Any other error means that the token could not be checked.
func (q Requirements) Verify(token string) (Claims, time.Time, error) {
	options := []jwt.ParserOption{jwt.WithExpirationRequired(), jwt.WithLeeway(leeway)}
	if q.Audience != "" {
		options = append(options, jwt.WithAudience(q.Audience))
	}
	if q.Issuer != "" {
		options = append(options, jwt.WithIssuer(q.Issuer))
	}
	claims := jwt.MapClaims{}
	parsed, err := jwt.NewParser(jwt.WithoutClaimsValidation()).ParseWithClaims(token, claims, q.keysFor)
	if err != nil {
		return nil, time.Time{}, describe(err)
	}
	if _, found := parsed.Header["crit"]; found {
		return nil, time.Time{}, errCritical
	}
	if err := q.checkTypes(claims); err != nil {
		return nil, time.Time{}, err
	}
	if err := jwt.NewValidator(options...).Validate(claims); err != nil {
		return nil, time.Time{}, describe(err)
	}
	expires, err := claims.GetExpirationTime()
	if err != nil {
		return nil, time.Time{}, describe(err)
	}
	return Claims(claims), expires.Add(leeway), nil
}

// keysFor returns the keys for the algorithm that the token names.
func (q Requirements) keysFor(token *jwt.Token) (any, error) {
	var set jwt.VerificationKeySet
	for _, key := range q.Keys {
		if key.Algorithm() == token.Method.Alg() {
			set.Keys = append(set.Keys, key.verify)
		}
	}
	if len(set.Keys) == 0 {
		return nil, fmt.Errorf("no key for algorithm %s", token.Method.Alg())
	}
	return set, nil
}

// invalid maps the library's errors to texts without the token. The library joins the errors of all claims, so
// ErrExpired comes after the others: it must be the only one.
var invalid = []struct {
	err    error
	result *InvalidError
}{
	{jwt.ErrTokenMalformed, &InvalidError{"the token is not a JSON Web Token"}},
	{jwt.ErrTokenUnverifiable, &InvalidError{"no key is for the token's algorithm"}},
	{jwt.ErrTokenSignatureInvalid, &InvalidError{"no key verifies the token's signature"}},
	{jwt.ErrTokenNotValidYet, &InvalidError{"the token is not valid yet"}},
	{jwt.ErrTokenInvalidAudience, &InvalidError{"the token is for another audience"}},
	{jwt.ErrTokenInvalidIssuer, &InvalidError{"the token is from another issuer"}},
	{jwt.ErrTokenRequiredClaimMissing, &InvalidError{
		"the token lacks a required claim: exp, or aud and iss if the relay checks them"}},
	{jwt.ErrTokenExpired, ErrExpired},
}

// describe returns the *InvalidError for an error of the library, or an error of another type if it is unknown.
func describe(err error) error {
	for _, known := range invalid {
		if errors.Is(err, known.err) {
			return known.result
		}
	}
	return errors.New("verify token: unknown error") // the cause may contain a part of the token
}

// Mint returns a token with these claims, signed with the key. It fails for a public key.
func Mint(key Key, claims Claims) (string, error) {
	if key.sign == nil {
		return "", errors.New("this is a public key; sign tokens with a private key or a secret")
	}
	return jwt.NewWithClaims(key.method, jwt.MapClaims(claims)).SignedString(key.sign)
}

// MintWithFile returns a token with these claims, signed with the first key in a file.
func MintWithFile(file string, claims Claims) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	keys, err := ParseKeys(content)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	minted, err := Mint(keys[0], claims)
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	return minted, nil
}
