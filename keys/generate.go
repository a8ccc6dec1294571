package keys

import (
	"context"
	"crypto"
	"slices"
	"strings"
)

// Algorithm is the kind of a key to be made.
type Algorithm string

// The kinds that the mark's profiles allow for keys of a CA.
const (
	P256    Algorithm = "P-256"
	P384    Algorithm = "P-384"
	RSA3072 Algorithm = "RSA-3072"
	RSA4096 Algorithm = "RSA-4096"
)

// Algorithms lists what Generate takes.
func Algorithms() []Algorithm { return []Algorithm{P256, P384, RSA3072, RSA4096} }

// kind is the algorithm as Kind says it.
func (a Algorithm) kind() string {
	return map[Algorithm]string{P256: kindP256, P384: kindP384, RSA3072: "RSA 3072", RSA4096: "RSA 4096"}[a]
}

// As Kind says it.
const (
	kindP256 = "ECDSA P-256"
	kindP384 = "ECDSA P-384"
)

// Generated is a key that Generate has made.
type Generated struct {
	// URI names it for Open. It may be another than the one asked for: a service chooses
	// a key's id. A pin-value is left out of it, a pin-source is not.
	URI    string           `json:"uri"`
	Kind   string           `json:"kind"` // as Kind says it
	Public crypto.PublicKey `json:"-"`
}

// Generate makes a signing key that never leaves where it was made, and proves with a
// signature that it works.
//
// On a token (pkcs11:) the URI names the token and, by object and id, the key: object
// is required, and without an id the key gets a random one of 8 bytes. Nothing on the
// token may have that label or id yet (Exists). The key is private, sensitive and not
// extractable, signs, and does nothing else: no decrypting, unwrapping or deriving.
// Those of the attributes that the token did not take over are an error, and the key
// is destroyed again.
//
// A service makes the key under the name that the URI gives (awskms:name=…,
// azurekms:name=…;vault=…, cloudkms:resource=…, tpmkms:name=…;storage-directory=…).
// AWS lets several keys have one name and tells them apart by the id in Generated.URI;
// where Google has a key of the name already, it makes a new version of it, of the kind
// that the key has. One of another kind than a is an error; it stays with the service.
func Generate(ctx context.Context, uri string, o Options, a Algorithm) (Generated, error) {
	scheme, _ := splitScheme(uri)
	switch {
	case len(uri) > maxURI:
		return Generated{}, refuse(BadURI, Redact(uri[:maxQuoted])+"…", "longer than %d bytes", maxURI)
	case !slices.Contains(Algorithms(), a):
		return Generated{}, refuse(BadKey, Redact(uri), "no key of kind %s is made: %s are", quote(string(a)), strings.Join(names(Algorithms()), ", "))
	case ctx.Err() != nil:
		return Generated{}, &Error{Reason: NotMade, Key: Redact(uri), Err: ctx.Err()}
	case scheme == schemePKCS11:
		return generatePKCS11(ctx, uri, o, a)
	}
	if s, ok := serviceOf(scheme); ok {
		return s.generate(ctx, uri, a)
	}
	return Generated{}, refuse(Unsupported, Redact(uri), "keys are made in tokens (pkcs11:), and by awskms:, azurekms:, cloudkms: and tpmkms:")
}

func names(all []Algorithm) []string {
	var out []string
	for _, a := range all {
		out = append(out, string(a))
	}
	return out
}

// firstMessage is what a new key signs, so that one that cannot is found at once.
const firstMessage = "hallmark: the first signature of a new key"
