// Package token verifies and mints JSON Web Tokens (RFC 7519). It accepts only HS256, RS256, ES256 and EdDSA, and
// only tokens that expire.
package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

const (
	// minSecret is the minimum length of a secret, in bytes: the size of the hash (RFC 7518 §3.2).
	minSecret = 32

	// minRSA is the minimum size of an RSA key, in bits (RFC 7518 §3.3).
	minRSA = 2048
)

// Key is a key for exactly one algorithm. A token names the algorithm of its signature, and an attacker could
// otherwise name HS256 and sign with the bytes of a public key as the secret.
type Key struct {
	method jwt.SigningMethod
	verify any
	sign   any // nil for a public key
}

// Algorithm returns the name of the key's algorithm, as in RFC 7518 §3.1 and RFC 8037 §3.1.
func (k Key) Algorithm() string { return k.method.Alg() }

// ParseKeys returns the keys in a file, at least one. The PEM blocks of public keys, private keys and certificates
// are for RS256, ES256 or EdDSA. A file without PEM blocks is a secret for HS256, except for line ends at its end. A
// byte order mark, which some Windows editors write, is not a part of the file.
func ParseKeys(file []byte) ([]Key, error) {
	file = bytes.TrimPrefix(file, []byte("\ufeff"))
	if !bytes.Contains(file, []byte("-----BEGIN ")) {
		secret := bytes.TrimRight(file, "\r\n")
		if len(secret) < minSecret {
			return nil, fmt.Errorf("a secret must have at least %d bytes, not %d; to create one: openssl rand -hex 32",
				minSecret, len(secret))
		}
		return []Key{{jwt.SigningMethodHS256, secret, secret}}, nil
	}
	var keys []Key
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "EC PARAMETERS" { // openssl writes this block before the key
			continue
		}
		key, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("PEM block %q: %w", block.Type, err)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("the file has no complete PEM block")
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (Key, error) {
	var key any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = certificate.PublicKey
		}
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		err = errors.New("this is not a key")
	}
	if err != nil {
		return Key{}, err
	}
	return newKey(key)
}

// newKey returns a Key for a public or private key of a supported type.
func newKey(key any) (Key, error) {
	var private any
	if signer, ok := key.(crypto.Signer); ok {
		private, key = key, signer.Public()
	}
	switch public := key.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSA {
			return Key{}, fmt.Errorf("an RSA key must have at least %d bits, not %d", minRSA, bits)
		}
		return Key{jwt.SigningMethodRS256, public, private}, nil
	case *ecdsa.PublicKey:
		if public.Curve != elliptic.P256() {
			return Key{}, fmt.Errorf("the curve must be P-256, not %s", public.Curve.Params().Name)
		}
		return Key{jwt.SigningMethodES256, public, private}, nil
	case ed25519.PublicKey:
		return Key{jwt.SigningMethodEdDSA, public, private}, nil
	default:
		return Key{}, fmt.Errorf("keys of type %T are not supported; use RSA, P-256 or Ed25519", key)
	}
}
