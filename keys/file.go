package keys

import (
	"crypto"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync/atomic"

	"go.step.sm/crypto/pemutil"
)

// OpenFile reads a private key from a PEM file, whatever the name looks like; "-" is
// o.Stdin. Options.Passphrase is called only if the key is encrypted.
func OpenFile(path string, o Options) (Key, error) {
	raw, err := readBounded(path, maxKeyFile, o.Stdin)
	if err != nil {
		return nil, unreadable(path, err)
	}
	defer clear(raw)
	var refused error
	ask := func(string) ([]byte, error) {
		if o.Passphrase == nil {
			refused = errors.New("it is encrypted and nobody can be asked for its passphrase")
			return nil, refused
		}
		var pass []byte
		pass, refused = o.Passphrase(path)
		return pass, refused
	}
	parsed, err := parsePEM(raw, pemutil.WithFilename(fileName(path)), pemutil.WithPasswordPrompt("", ask))
	switch {
	case refused != nil:
		return nil, &Error{Reason: NoSecret, Key: fileName(path), Err: refused}
	case err != nil:
		return nil, &Error{Reason: BadFile, Key: fileName(path), Err: err}
	}
	signer, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, refuse(BadFile, fileName(path), "holds a %T, not a private key", parsed)
	}
	return &fileKey{Signer: signer, name: fileName(path)}, nil
}

// parsePEM reads what a file holds.
func parsePEM(raw []byte, o ...pemutil.Options) (key any, err error) {
	defer func() {
		if r := recover(); r != nil { // the library trusts that what is encrypted has whole blocks
			err = fmt.Errorf("the file is damaged: %v", r)
		}
	}()
	return pemutil.Parse(raw, o...)
}

// fileKey is a key in memory.
type fileKey struct {
	crypto.Signer
	name   string
	closed atomic.Bool
}

func (k *fileKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.closed.Load() {
		return nil, refuse(Closed, k.name, "the key was closed")
	}
	return k.Signer.Sign(random, digest, opts)
}

func (k *fileKey) Close() error {
	k.closed.Store(true)
	return nil
}

// unreadable says why, and of a name with an unknown scheme that it was taken for a
// file. The name may hold a PIN then, so the system's message is left out.
func unreadable(path string, err error) error {
	scheme, _ := splitScheme(path)
	if scheme != "" && scheme != schemeFile && errors.Is(err, fs.ErrNotExist) {
		return refuse(Unsupported, Redact(path), "there is no file of that name and no key scheme %s:", scheme)
	}
	var named *fs.PathError
	if hidePIN(path) != path && errors.As(err, &named) {
		err = named.Err
	}
	return &Error{Reason: Unreadable, Key: fileName(path), Err: err}
}

// fileName is a file's name for messages.
func fileName(path string) string { return quote(hidePIN(path)) }

// hidePIN cuts off what follows the attribute of a PIN: a URI that was written slightly
// wrong, with a blank before it, is taken for the name of a file.
func hidePIN(name string) string {
	for i := range len(name) - len(attrPINValue) + 1 {
		if end := i + len(attrPINValue); strings.EqualFold(name[i:end], attrPINValue) {
			return name[:end] + "=…"
		}
	}
	return name
}

// readBounded reads a file that a person named.
func readBounded(path string, maxBytes int64, stdin io.Reader) ([]byte, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	if in == nil {
		return nil, errors.New("standard input is not read here")
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(raw)) > maxBytes {
		return nil, fmt.Errorf("larger than %d bytes", maxBytes)
	}
	return raw, nil
}

// filePath returns the path of a file: URI: file:relative, file:/absolute,
// file:///absolute or with the host localhost.
func filePath(uri, rest string) (string, error) {
	path := rest
	if after, ok := strings.CutPrefix(rest, "//"); ok {
		host, below, found := strings.Cut(after, "/")
		if !found || (host != "" && host != "localhost") {
			return "", refuse(BadURI, Redact(uri), "a file: URI names a path, and no other machine")
		}
		path = "/" + below
	}
	if strings.ContainsAny(path, "?#") {
		return "", refuse(BadURI, Redact(uri), "a file: URI has no query and no fragment; write %%3F and %%23 in names")
	}
	decoded, err := url.PathUnescape(path)
	if err != nil {
		return "", &Error{Reason: BadURI, Key: Redact(uri), Err: err}
	}
	if decoded == "" || strings.ContainsRune(decoded, 0) {
		return "", refuse(BadURI, Redact(uri), "no path")
	}
	return decoded, nil
}
