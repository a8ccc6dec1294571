package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/keys"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// Files of a home folder: one person's identity at one server.
const (
	homeServer     = "server"         // the API's URL, one line
	homeCA         = "ca.pem"         // operator CA
	homeClientCert = "client.pem"     // client certificate
	homeClientKey  = "client.key"     // its key, PKCS#8
	homeAssessKey  = "assessment.key" // auditors: the key that signs assessments, PKCS#8
)

// maxKeyFileBytes bounds key, certificate and passphrase files.
const maxKeyFileBytes = 64 << 10

var (
	homeFlag = &cli.StringFlag{
		Name: "home", EnvVars: []string{"HALLMARK_HOME"},
		Usage: "folder with your identity (default: hallmark in the user's configuration folder)",
	}
	passphraseFlag = &cli.StringFlag{
		Name: "passphrase-file", EnvVars: []string{"HALLMARK_PASSPHRASE_FILE"},
		Usage: "file with the passphrase of the private keys (default: ask on the terminal)",
	}
)

// setAnywhere returns a flag that may stand before the command or behind it.
func setAnywhere(c *cli.Context, name string) string {
	for _, ctx := range c.Lineage() {
		if v := ctx.String(name); v != "" {
			return v
		}
	}
	return ""
}

func homeDir(c *cli.Context) (string, error) {
	if dir := setAnywhere(c, "home"); dir != "" {
		return dir, nil
	}
	conf, err := os.UserConfigDir()
	if err != nil {
		return "", withHint(err, "name a folder with --home")
	}
	return filepath.Join(conf, "hallmark"), nil
}

// client returns a client of the server that the home folder belongs to; where a build
// system has a token, one that shows it.
func (e *env) client(c *cli.Context) (*api.Client, error) {
	if token, err := e.oidcToken(c); err != nil {
		return nil, err
	} else if token != "" {
		return e.tokenClient(c, token)
	}
	dir, err := homeDir(c)
	if err != nil {
		return nil, err
	}
	server, err := e.readBounded(filepath.Join(dir, homeServer), maxKeyFileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withHint(fmt.Errorf("no identity in %s", dir), "run 'hallmark enroll TOKEN' with a token from an officer, or name another folder with --home")
	}
	if err != nil {
		return nil, err
	}
	roots, err := readPool(filepath.Join(dir, homeCA))
	if err != nil {
		return nil, err
	}
	identity, err := e.readIdentity(c, dir)
	if err != nil {
		return nil, err
	}
	return api.NewClient(strings.TrimSpace(string(server)), roots, identity)
}

func readPool(path string) (*x509.CertPool, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return pool, nil
}

func (e *env) readIdentity(c *cli.Context, dir string) (*tls.Certificate, error) {
	raw, err := e.readBounded(filepath.Join(dir, homeClientCert), maxKeyFileBytes)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate", filepath.Join(dir, homeClientCert))
	}
	key, err := e.readKey(c, filepath.Join(dir, homeClientKey))
	if err != nil {
		return nil, err
	}
	// It stays open: the client signs handshakes with it until the process ends.
	return &tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}, nil
}

// keyForms is what a flag that names a private key takes.
const keyForms = "a PEM file, pkcs11:token=...;object=...?module-path=..., ssh-agent:..., awskms:key-id=... or another of docs/keys.md"

// readKey opens a private key by its name, see package keys; it asks for a passphrase
// or PIN only if one is wanted. The caller closes the key.
func (e *env) readKey(c *cli.Context, uri string) (keys.Key, error) {
	key, err := keys.Open(c.Context, uri, e.keyOptions(c))
	if err != nil {
		return nil, keyError(err)
	}
	return key, nil
}

func (e *env) keyOptions(c *cli.Context) keys.Options {
	return keys.Options{
		Passphrase: func(file string) ([]byte, error) { return e.passphrase(c, "Passphrase of "+file) },
		PIN: func(token string) ([]byte, error) {
			// Not from --passphrase-file: a token that is handed another key's passphrase
			// a few times locks itself.
			return e.ask("PIN of token "+keys.OneLine(token), "PIN", "put it into a file that only you can read, and name that with pin-source=FILE in the key's URI")
		},
		Stdin: e.stdin,
	}
}

// keyError adds advice, unless whoever was asked has given some.
func keyError(err error) error {
	err = fmt.Errorf("read %w", err)
	var advised *hinted
	var refused *keys.Error
	if errors.As(err, &advised) || !errors.As(err, &refused) {
		return err
	}
	switch refused.Reason {
	case keys.BadFile:
		return withHint(err, "a PEM file with a PKCS#8 private key is wanted; is the passphrase right?")
	case keys.WrongPIN:
		return withHint(err, "most tokens lock themselves after three wrong PINs: find the right one before you try again")
	case keys.NoToken, keys.NoKey, keys.Ambiguous:
		return withHint(err, "'hallmark keys list' shows what a module or the ssh-agent holds")
	case keys.NoModule:
		return withHint(err, "module-path=... behind the question mark names the PKCS #11 library of the token's maker")
	case keys.NoAgent:
		return withHint(err, "start one with 'eval $(ssh-agent)' and give it the key with ssh-add")
	case keys.TokenLost:
		return withHint(err, "is it plugged in, or its network there? The key works again once it is back")
	case keys.Exists:
		return withHint(err, "'hallmark keys list' shows what is there; a CA's key is made new, never taken over")
	case keys.NoService:
		return withHint(err, "credentials come from the service's own environment variables and files: docs/keys.md")
	case keys.BadURI, keys.Unsupported:
		return withHint(err, "a key is "+keyForms)
	}
	return err
}

// withoutKey advises an auditor who named no key and has none in the home folder.
func withoutKey(c *cli.Context, err error) error {
	if c.IsSet("key") || !keys.Is(err, keys.Unreadable) {
		return err
	}
	return withHint(err, "auditors get a key with 'hallmark enroll --auditor TOKEN', or name one with --key")
}

// passphrase takes it from the file that a flag names, or asks on the terminal.
func (e *env) passphrase(c *cli.Context, prompt string) ([]byte, error) {
	if path := setAnywhere(c, "passphrase-file"); path != "" {
		raw, err := e.readBounded(path, maxKeyFileBytes)
		if err != nil {
			return nil, err
		}
		pass := strings.TrimRight(string(raw), "\r\n")
		if pass == "" {
			return nil, fmt.Errorf("passphrase file %s is empty", path)
		}
		return []byte(pass), nil
	}
	return e.ask(prompt, "passphrase", "put it into a file and name that with --passphrase-file")
}

// ask asks on the terminal, without showing what is typed.
func (e *env) ask(prompt, what, otherwise string) ([]byte, error) {
	in, ok := e.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, withHint(fmt.Errorf("a %s is needed and there is no terminal to ask on", what), otherwise)
	}
	fmt.Fprint(e.stderr, prompt, ": ")
	secret, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(e.stderr)
	if err != nil {
		return nil, err
	}
	if len(secret) == 0 {
		return nil, fmt.Errorf("empty %s", what)
	}
	return secret, nil
}
