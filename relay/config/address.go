package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// ValidateAddress returns an error if the address that a flag sets is not of the form HOST:PORT, in which the host may
// be empty. It makes no request, so a host or port that does not exist is found later.
func ValidateAddress(flag, address string) error {
	_, port, err := net.SplitHostPort(address)
	switch {
	case err == nil && port == "":
		return fmt.Errorf("%s %s has no port; use %s8080 or another port", flag, address, address)
	case err == nil && isNumber(port) && !isPort(port):
		return fmt.Errorf("%s %s: the port must be between 0 and 65535", flag, address)
	case err == nil:
		return nil
	case isPort(address):
		return fmt.Errorf("%s %s has no colon before the port; did you mean :%s?", flag, address, address)
	case strings.Contains(address, "://"):
		return fmt.Errorf("%s %s is a URL; use HOST:PORT or :PORT", flag, address)
	case strings.Count(address, ":") > 1 && !strings.HasPrefix(address, "["):
		return fmt.Errorf("%s %s: write an IPv6 address in brackets, for example [::1]:8080", flag, address)
	case address != "" && !strings.Contains(address, ":"):
		return fmt.Errorf("%s %s has no port; did you mean %s:8080?", flag, address, address)
	default:
		return fmt.Errorf("%s %q is not an address; use HOST:PORT or :PORT", flag, address)
	}
}

func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// isPort reports whether text is the number of a TCP port.
func isPort(text string) bool {
	_, err := strconv.ParseUint(text, 10, 16)
	return err == nil
}

// validateOptionalAddress accepts Off and "" too.
func validateOptionalAddress(flag, address string) error {
	if address == Off || address == "" {
		return nil
	}
	return ValidateAddress(flag, address)
}
