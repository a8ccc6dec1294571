package main

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
	"go.step.sm/crypto/pemutil"
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

// client returns a client of the server that the home folder belongs to.
func (e *env) client(c *cli.Context) (*api.Client, error) {
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
	return &tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}, nil
}

// readKey reads a PKCS#8 key, asking for its passphrase only if it has one.
func (e *env) readKey(c *cli.Context, path string) (crypto.Signer, error) {
	raw, err := e.readBounded(path, maxKeyFileBytes)
	if err != nil {
		return nil, err
	}
	ask := func(string) ([]byte, error) { return e.passphrase(c, "Passphrase of "+path) }
	key, err := pemutil.Parse(raw, pemutil.WithFilename(path), pemutil.WithPasswordPrompt("", ask))
	var advised *hinted
	if errors.As(err, &advised) {
		return nil, err
	}
	if err != nil {
		return nil, withHint(fmt.Errorf("read key %s: %w", path, err), "a PEM file with a PKCS#8 private key is wanted; is the passphrase right?")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s holds a %T, not a private key", path, key)
	}
	return signer, nil
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
	in, ok := e.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, withHint(errors.New("a passphrase is needed and there is no terminal to ask on"), "put it into a file and name that with --passphrase-file")
	}
	fmt.Fprint(e.stderr, prompt, ": ")
	pass, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(e.stderr)
	if err != nil {
		return nil, err
	}
	if len(pass) == 0 {
		return nil, errors.New("empty passphrase")
	}
	return pass, nil
}
