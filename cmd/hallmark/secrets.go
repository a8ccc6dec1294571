package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/keys"
	"github.com/urfave/cli/v2"
)

var (
	pinFlag = &cli.StringFlag{
		Name: "pin-file", EnvVars: []string{"HALLMARK_PIN_FILE"},
		Usage: "file with the PIN of the token that has the CA's keys, where their URIs name none (default: ask on the terminal)",
	}
	keyPlaceFlag = &cli.StringSliceFlag{Name: "key", Usage: "NAME=URI: make this key on a token, pkcs11:token=...;object={name}?module-path=...; may be given several times"}
)

// secrets opens the CA's keys. The PIN is asked for only if a token wants one.
func (e *env) secrets(c *cli.Context, prompt string) (ca.Secrets, error) {
	passphrase, err := e.passphrase(c, prompt)
	if err != nil {
		return ca.Secrets{}, err
	}
	return ca.Secrets{Passphrase: passphrase, PINWritten: c.String("pin-file") != "", PIN: func(token string) ([]byte, error) {
		path := c.String("pin-file")
		if path == "" {
			return e.ask("PIN of token "+keys.OneLine(token), "PIN", "put it into a file that only you can read, and name that with --pin-file")
		}
		raw, err := e.readBounded(path, maxKeyFileBytes)
		if err != nil {
			return nil, err
		}
		pin := strings.TrimRight(string(raw), "\r\n")
		if pin == "" {
			return nil, fmt.Errorf("PIN file %s is empty", path)
		}
		return []byte(pin), nil
	}}, nil
}

// keyPlaces reads --key NAME=URI.
func keyPlaces(c *cli.Context) (map[string]string, error) {
	places := map[string]string{}
	for _, text := range c.StringSlice("key") {
		name, uri, ok := strings.Cut(text, "=")
		if !ok || name == "" || uri == "" || strings.Contains(name, ":") {
			return nil, &usageError{text: fmt.Sprintf("--key %s is not NAME=URI", keys.Redact(text)), hint: "--key 'tiers=pkcs11:token=ca;object={name}?module-path=FILE'"}
		}
		if places[name] != "" {
			return nil, &usageError{text: "--key " + name + " is given twice", hint: "once for each key"}
		}
		places[name] = uri
	}
	return places, nil
}

// keyProblem adds advice to errors about the CA's own keys.
func keyProblem(err error) error {
	var refused *keys.Error
	switch {
	case errors.Is(err, ca.ErrPassphrase):
		return withHint(err, "the passphrase is the one given to 'hallmark init'")
	case errors.Is(err, ca.ErrCeremony):
		return withHint(err, "hierarchy/ceremony/SCRIPT.md has the steps")
	case errors.Is(err, ca.ErrKeyExists):
		return withHint(err, "name another object: a key that is older than the CA has a past that nobody can vouch for")
	case errors.As(err, &refused) && refused.Reason == keys.NoSecret:
		return withHint(err, "name a file with the PIN by --pin-file, or by pin-source=FILE in the key's URI")
	case errors.As(err, &refused):
		return withHint(err, "'hallmark keys list' shows what a module holds")
	}
	return err
}
