package keys

import (
	"context"
	"crypto"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Key is a private key that signs. Its public half is *ecdsa.PublicKey,
// *rsa.PublicKey or, from files and agents, ed25519.PublicKey (a file may hold
// another that its reader knows). A key of an ssh-agent is a crypto.MessageSigner,
// so sign with crypto.SignMessage.
type Key interface {
	crypto.Signer
	// Close gives back what the key holds: the session with a token, the connection
	// to an agent. Signing afterwards is refused (Closed). A second Close does nothing.
	Close() error
}

// Options say how Open gets what a URI does not. The zero value asks nobody: what
// needs a passphrase or a PIN is refused then.
type Options struct {
	// Passphrase is called when the file of the given name is encrypted.
	Passphrase func(file string) ([]byte, error)
	// PIN is called when the token of the given label wants one and the URI names
	// none. It is apart from Passphrase because a wrong answer has a price here: most
	// tokens lock themselves after three.
	PIN func(token string) ([]byte, error)
	// PINWritten: PIN asks no person but reads what is written down, so that a token's last
	// try is not spent on it; as with a PIN that the URI names.
	PINWritten bool
	// Stdin is read for the name "-"; nil: that name is refused.
	Stdin io.Reader
	// AgentSocket is the path of an ssh-agent's socket; empty: $SSH_AUTH_SOCK.
	AgentSocket string
}

// Schemes of key URIs.
const (
	schemeFile   = "file"
	schemePKCS11 = "pkcs11"
	schemeAgent  = "ssh-agent"
)

// foreignSchemes are those of go.step.sm/crypto/kms that are not compiled in: softkms
// is file: here and sshagentkms is ssh-agent:; yubikey wants the headers of PC/SC, and
// such a key is reached through pkcs11:; capi and mackms belong to other systems.
func foreignSchemes() []string {
	return []string{"softkms", "yubikey", "sshagentkms", "capi", "mackms", "kms"}
}

// Open finds the key that uri names; the package comment has the forms. Errors are
// *Error, with what Passphrase or PIN returned wrapped unchanged.
func Open(ctx context.Context, uri string, o Options) (Key, error) {
	switch {
	case uri == "":
		return nil, refuse(BadURI, `""`, "empty")
	case len(uri) > maxURI:
		return nil, refuse(BadURI, Redact(uri[:maxQuoted])+"…", "longer than %d bytes", maxURI)
	case ctx.Err() != nil:
		return nil, &Error{Reason: SigningFailed, Key: Redact(uri), Err: ctx.Err()}
	}
	if bare := strings.TrimSpace(uri); bare != uri && !IsFile(bare) {
		return nil, refuse(BadURI, Redact(bare), "blanks before or behind it")
	}
	scheme, rest := splitScheme(uri)
	switch scheme {
	case schemePKCS11:
		return openPKCS11(ctx, uri, o)
	case schemeAgent:
		return openAgent(ctx, uri, rest, o)
	case schemeFile:
		path, err := filePath(uri, rest)
		if err != nil {
			return nil, err
		}
		return OpenFile(path, o)
	}
	if s, ok := serviceOf(scheme); ok {
		return s.openKey(ctx, uri)
	}
	if slices.Contains(foreignSchemes(), scheme) {
		return nil, refuse(Unsupported, Redact(uri), "%s: keys are not compiled in; there are files, pkcs11:, ssh-agent:, awskms:, azurekms:, cloudkms: and tpmkms:", scheme)
	}
	return OpenFile(uri, o)
}

// splitScheme returns what may be a scheme, in lower case, and what follows it. A
// scheme of one letter is a drive.
func splitScheme(uri string) (scheme, rest string) {
	scheme, rest, ok := strings.Cut(uri, ":")
	if !ok || len(scheme) < 2 || strings.ContainsFunc(scheme, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '+' && r != '.'
	}) {
		return "", uri
	}
	return strings.ToLower(scheme), rest
}

// IsFile reports whether uri names a file (or standard input): for a caller with
// something to say about files.
func IsFile(uri string) bool {
	scheme, _ := splitScheme(uri)
	_, isService := serviceOf(scheme)
	return !isService && scheme != schemePKCS11 && scheme != schemeAgent && !slices.Contains(foreignSchemes(), scheme)
}

// Redact returns a key's URI for messages and logs: without a PIN, and without
// anything that could be one because it stands where no attribute is known. It takes
// any text.
func Redact(uri string) string {
	scheme, rest := splitScheme(uri)
	switch scheme {
	case "", schemeFile, schemeAgent:
		return fileName(uri)
	}
	known, separators := append(pathAttributes(), attrModulePath, attrPINSource), ";"
	if s, ok := serviceOf(scheme); ok {
		separators = ";&"
		if known = s.attributes(); s.which == attrResource && isResource(rest) {
			return quote(scheme + ":" + rest)
		}
	}
	path, query, asked := strings.Cut(rest, "?")
	out := scheme + ":" + redactAttributes(path, separators, known)
	if asked {
		out += "?" + redactAttributes(query, ";&", known)
	}
	return quote(out)
}

// redactAttributes takes a list whose parts end at any of the separators.
func redactAttributes(list, separators string, known []string) string {
	var out strings.Builder
	for list != "" {
		part, separator := list, ""
		if i := strings.IndexAny(list, separators); i >= 0 {
			part, separator = list[:i], list[i:i+1]
		}
		list = list[len(part)+len(separator):]
		name, _, ok := strings.Cut(part, "=")
		switch {
		case !ok && part != "":
			part = "…"
		case ok && !slices.Contains(known, name):
			part = name + "=…"
		case ok: // a PIN behind a wrong separator is part of the value before it
			part = hidePIN(part)
		}
		out.WriteString(part + separator)
	}
	return out.String()
}

// quote keeps text from files, tokens and agents from writing to a terminal anything
// but itself.
func quote(s string) string {
	if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r == '"' || r == '\\' || !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
