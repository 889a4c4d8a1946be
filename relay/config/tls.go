package config

import (
	"errors"
	"fmt"
	"net/url"

	"wpre-relay/relay/security/origin"
)

// TLS holds the settings of the public listener's certificate. The zero value means plain HTTP and WebSocket.
type TLS struct {
	TLSCert       string // file with the certificate and its intermediates, in PEM
	TLSKey        string // file with its private key, in PEM
	ACMEDomain    []string
	ACMEEmail     string
	ACMEDirectory *url.URL // nil: Let's Encrypt
	ACMEListen    string   // Off or "": answer challenges on the public listener only
}

func (t *TLS) validate() error {
	acmeListens := t.ACMEListen != "" && t.ACMEListen != Off
	switch {
	case (t.TLSCert == "") != (t.TLSKey == ""):
		return errors.New("--tls-cert and --tls-key must be set together")
	case t.TLSCert != "" && len(t.ACMEDomain) > 0:
		return errors.New("--tls-cert and --acme-domain exclude each other; set one of them")
	case len(t.ACMEDomain) == 0 && (t.ACMEEmail != "" || t.ACMEDirectory != nil || acmeListens):
		return errors.New("--acme-email, --acme-directory and --acme-listen need --acme-domain")
	case t.ACMEDirectory != nil && (t.ACMEDirectory.Scheme != "https" || t.ACMEDirectory.Host == ""):
		return errors.New("--acme-directory must be of the form https://host/path")
	}
	for _, name := range t.ACMEDomain {
		if _, err := origin.ASCIIName(name); err != nil {
			return fmt.Errorf("--acme-domain: %w", err)
		}
	}
	return validateOptionalAddress("--acme-listen", t.ACMEListen)
}
