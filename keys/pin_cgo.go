//go:build cgo && !nopkcs11

package keys

import "strings"

// readPIN reads the file that pin-source names: a path or a file: URI.
func readPIN(uri, source string) (string, error) {
	if strings.HasPrefix(source, "|") {
		return "", refuse(BadURI, Redact(uri), "pin-source: no command is run for a PIN")
	}
	path := source
	switch scheme, rest := splitScheme(source); scheme {
	case schemeFile:
		var err error
		if path, err = filePath(source, rest); err != nil {
			return "", &Error{Reason: BadURI, Key: Redact(uri), Detail: attrPINSource, Err: err}
		}
	case "":
	default:
		return "", refuse(BadURI, Redact(uri), "pin-source: a path or a file: URI is wanted")
	}
	raw, err := readBounded(path, maxPINFile, nil)
	if err != nil {
		return "", &Error{Reason: Unreadable, Key: Redact(uri), Detail: attrPINSource, Err: err}
	}
	defer clear(raw)
	return checkPIN(uri, strings.TrimRight(string(raw), "\r\n"))
}

// checkPIN keeps from a token, which counts wrong ones, what cannot be a PIN.
func checkPIN(uri, pin string) (string, error) {
	switch {
	case pin == "":
		return "", refuse(NoSecret, Redact(uri), "the PIN is empty")
	case strings.ContainsAny(pin, "\r\n\x00"):
		return "", refuse(NoSecret, Redact(uri), "what should be the PIN has several lines, or a zero byte")
	}
	return pin, nil
}
