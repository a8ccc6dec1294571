package keys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"

	"go.step.sm/crypto/kms/apiv1"
	"go.step.sm/crypto/kms/awskms"
	"go.step.sm/crypto/kms/azurekms"
	"go.step.sm/crypto/kms/cloudkms"
	"go.step.sm/crypto/kms/tpmkms"
	stepuri "go.step.sm/crypto/kms/uri"
)

// Attributes of the URIs of services, as the packages below go.step.sm/crypto/kms
// have them. None has a secret in it: those come from the environment or from files.
const (
	attrKeyID       = "key-id"
	attrName        = "name"
	attrResource    = "resource"
	attrRegion      = "region"
	attrProfile     = "profile"
	attrCredentials = "credentials-file"
	attrVault       = "vault"
	attrVersion     = "version"
	attrHSM         = "hsm"
	attrEnvironment = "environment"
	attrDevice      = "device"
	attrStorage     = "storage-directory"
)

// service is a way to keys that go.step.sm/crypto has.
type service struct {
	scheme string
	// open logs in; the URI has the attributes of where.
	open func(context.Context, apiv1.Options) (apiv1.KeyManager, error)
	// which names a key, and make one that is to be made; where says how to get there.
	which, make string
	where       []string
	needs       []string // that Open cannot do without
}

func (s service) attributes() []string {
	return append([]string{s.which, s.make}, s.where...)
}

func services() []service {
	return []service{
		{scheme: awskms.Scheme, which: attrKeyID, make: attrName, where: []string{attrRegion, attrProfile, attrCredentials},
			open: func(ctx context.Context, o apiv1.Options) (apiv1.KeyManager, error) { return awskms.New(ctx, o) }},
		{scheme: azurekms.Scheme, which: attrName, make: attrName, where: []string{attrVault, attrVersion, attrHSM, attrEnvironment}, needs: []string{attrVault},
			open: func(ctx context.Context, o apiv1.Options) (apiv1.KeyManager, error) { return azurekms.New(ctx, o) }},
		{scheme: cloudkms.Scheme, which: attrResource, make: attrResource, where: []string{attrCredentials},
			open: func(ctx context.Context, o apiv1.Options) (apiv1.KeyManager, error) { return cloudkms.New(ctx, o) }},
		// Without a folder it would take "tpm" beneath wherever it is started.
		{scheme: tpmkms.Scheme, which: attrName, make: attrName, where: []string{attrDevice, attrStorage}, needs: []string{attrStorage},
			open: func(ctx context.Context, o apiv1.Options) (apiv1.KeyManager, error) { return tpmkms.New(ctx, o) }},
	}
}

func serviceOf(scheme string) (service, bool) {
	all := services()
	i := slices.IndexFunc(all, func(s service) bool { return s.scheme == scheme })
	if i < 0 {
		return service{}, false
	}
	return all[i], true
}

// parse reads a service's URI strictly: what is not understood could have been what
// tells two keys apart. Attributes stand in the path or behind the question mark.
func (s service) parse(uri string) (url.Values, error) {
	_, rest := splitScheme(uri)
	if s.scheme == cloudkms.Scheme && isResource(rest) {
		return url.Values{attrResource: {rest}}, nil
	}
	values := url.Values{}
	path, query, asked := strings.Cut(rest, "?")
	if strings.Contains(path, "&") || strings.Contains(query, ";") {
		return nil, refuse(BadURI, Redact(uri), "attributes are separated by ; and, behind the question mark, by &; write %%3B and %%26 in values")
	}
	parts := strings.Split(path, ";")
	if asked {
		parts = append(parts, strings.Split(query, "&")...)
	}
	for _, part := range parts {
		name, raw, ok := strings.Cut(part, "=")
		value, err := url.PathUnescape(raw)
		switch {
		case !ok:
			return nil, refuse(BadURI, Redact(uri), "an attribute without a value: name=value, separated by ;, is wanted")
		case !slices.Contains(s.attributes(), name):
			return nil, refuse(BadURI, Redact(uri), "unknown attribute %s here; known are %s", quote(name), strings.Join(s.attributes(), ", "))
		case values.Has(name):
			return nil, refuse(BadURI, Redact(uri), "%s is given twice", name)
		case err != nil || value == "" || strings.ContainsAny(value, "\x00\r\n"):
			return nil, refuse(BadURI, Redact(uri), "%s: empty, or not percent-encoded text of one line", name)
		case name == attrHSM && value != "true" && value != "false": // the driver takes any other for false
			return nil, refuse(BadURI, Redact(uri), "hsm: true or false is wanted")
		case name == attrVault && !isLabel(value):
			return nil, refuse(BadURI, Redact(uri), "vault: a name of letters, digits and hyphens is wanted, no address")
		}
		values.Set(name, value)
	}
	return values, nil
}

// complete is parse for what a person has written.
func (s service) complete(uri string) (url.Values, error) {
	values, err := s.parse(uri)
	if err != nil {
		return nil, err
	}
	for _, name := range s.needs {
		if !values.Has(name) {
			return nil, refuse(BadURI, Redact(uri), "%s=… is wanted", name)
		}
	}
	return values, nil
}

// isResource reports whether a text is the name of a key of Google's.
func isResource(text string) bool {
	return strings.HasPrefix(text, "projects/") && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_./:", r)
	})
}

// isLabel reports whether a text stays one label of a host's name. Azure's driver puts the
// vault in front of its domain, and shows a token to whatever host comes out.
func isLabel(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}

// uriOf writes the attributes of the given names as the drivers read them.
func (s service) uriOf(values url.Values, names ...string) string {
	some := url.Values{}
	for _, name := range names {
		if v := values.Get(name); v != "" {
			some.Set(name, v)
		}
	}
	return stepuri.New(s.scheme, some).String()
}

// connect logs in.
func (s service) connect(ctx context.Context, uri string, values url.Values) (apiv1.KeyManager, error) {
	manager, err := s.open(ctx, apiv1.Options{URI: s.uriOf(values, s.where...)})
	if err != nil {
		return nil, &Error{Reason: NoService, Key: Redact(uri), Err: err}
	}
	return manager, nil
}

func (s service) openKey(ctx context.Context, uri string) (Key, error) {
	values, err := s.complete(uri)
	switch {
	case err != nil:
		return nil, err
	case values.Get(s.which) == "":
		return nil, refuse(BadURI, Redact(uri), "%s=… has to say which key", s.which)
	case s.which == attrKeyID && values.Get(s.which) != strings.ToLower(values.Get(s.which)):
		// The driver would ask for it in lower case.
		return nil, refuse(BadURI, Redact(uri), "key-id has capital letters, which are not handled: name the key by its id, not by an alias")
	}
	manager, err := s.connect(ctx, uri, values)
	if err != nil {
		return nil, err
	}
	k, err := s.signer(uri, manager, s.uriOf(values, s.attributes()...))
	if err != nil {
		return nil, errors.Join(err, manager.Close())
	}
	return k, nil
}

func (s service) signer(uri string, manager apiv1.KeyManager, name string) (*serviceKey, error) {
	signer, err := manager.CreateSigner(&apiv1.CreateSignerRequest{SigningKey: name})
	if err != nil {
		return nil, &Error{Reason: NoService, Key: Redact(uri), Err: err}
	}
	switch pub := signer.Public().(type) {
	case *rsa.PublicKey:
		return &serviceKey{signer: signer, manager: manager, name: Redact(uri)}, nil
	case *ecdsa.PublicKey:
		if pub.Curve == elliptic.P256() || pub.Curve == elliptic.P384() {
			return &serviceKey{signer: signer, manager: manager, name: Redact(uri)}, nil
		}
	}
	return nil, refuse(BadKey, Redact(uri), "%s: RSA, ECDSA P-256 and P-384 keys sign here", Kind(signer.Public()))
}

// serviceKey is a private key that a service holds.
type serviceKey struct {
	signer  crypto.Signer
	manager apiv1.KeyManager
	name    string

	use    sync.RWMutex // held to read while signing, so that Close waits
	closed bool
}

func (k *serviceKey) Public() crypto.PublicKey { return k.signer.Public() }

// Sign signs a digest and checks the signature: it comes from another machine. The
// driver gives up on its own; a service that is back answers the next call.
func (k *serviceKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.use.RLock()
	defer k.use.RUnlock()
	if k.closed {
		return nil, refuse(Closed, k.name, "the key was closed")
	}
	if hash := opts.HashFunc(); hash == 0 || len(digest) != hash.Size() {
		return nil, refuse(NotADigest, k.name, "a digest is wanted, with the hash that made it")
	}
	sig, err := k.signer.Sign(random, digest, opts)
	if err != nil {
		return nil, &Error{Reason: SigningFailed, Key: k.name, Err: err}
	}
	if err := verifyDigest(k.Public(), digest, sig, opts); err != nil {
		return nil, &Error{Reason: BadSignature, Key: k.name, Detail: "the service's answer", Err: err}
	}
	return sig, nil
}

func (k *serviceKey) Close() error {
	k.use.Lock()
	defer k.use.Unlock()
	if k.closed {
		return nil
	}
	k.closed = true
	return k.manager.Close()
}

// generate has the service make a key.
func (s service) generate(ctx context.Context, uri string, a Algorithm) (_ Generated, err error) {
	values, err := s.complete(uri)
	switch {
	case err != nil:
		return Generated{}, err
	case values.Get(s.make) == "" || s.make != s.which && values.Has(s.which) || values.Has(attrVersion):
		return Generated{}, refuse(BadURI, Redact(uri), "%s=… has to say what the key is to be called; the service chooses the rest", s.make)
	}
	manager, err := s.connect(ctx, uri, values)
	if err != nil {
		return Generated{}, err
	}
	defer func() { err = errors.Join(err, manager.Close()) }()
	name := s.uriOf(values, s.attributes()...)
	if s.make == s.which { // Azure would make a new version without a word
		if _, err := manager.GetPublicKey(&apiv1.GetPublicKeyRequest{Name: name}); err == nil {
			return Generated{}, refuse(Exists, Redact(uri), "there is a key of this name already")
		}
	}
	request := &apiv1.CreateKeyRequest{Name: name, ProtectionLevel: apiv1.HSM}
	if s.scheme == azurekms.Scheme { // where hsm=true asks for it
		request.ProtectionLevel = apiv1.UnspecifiedProtectionLevel
	}
	request.SignatureAlgorithm, request.Bits = a.request()
	made, err := manager.CreateKey(request)
	if err != nil {
		return Generated{}, &Error{Reason: NotMade, Key: Redact(uri), Err: err}
	}
	return s.prove(uri, manager, values, made.Name, a)
}

// prove opens the new key and signs with it, which verifies.
func (s service) prove(uri string, manager apiv1.KeyManager, values url.Values, name string, a Algorithm) (Generated, error) {
	if !strings.Contains(name, ":") { // Google's bare resource
		name = s.scheme + ":" + name
	}
	named, err := s.parse(name)
	if err != nil {
		return Generated{}, &Error{Reason: NotMade, Key: Redact(uri), Detail: "the key was made, under a name that is not understood", Err: err}
	}
	for _, attribute := range s.where {
		if !named.Has(attribute) && values.Has(attribute) {
			named.Set(attribute, values.Get(attribute))
		}
	}
	full := s.uriOf(named, s.attributes()...)
	key, err := s.signer(full, manager, full)
	if err != nil {
		return Generated{}, err
	}
	if kind := Kind(key.Public()); kind != a.kind() {
		return Generated{}, refuse(NotMade, Redact(full), "the service made a key of kind %s, not %s: take another name, or the kind that the key of this name has", kind, a.kind())
	}
	hash := crypto.SHA256
	if a == P384 {
		hash = crypto.SHA384 // the other is not to be had of a service
	}
	h := hash.New()
	h.Write([]byte(firstMessage))
	if _, err := key.Sign(rand.Reader, h.Sum(nil), hash); err != nil {
		return Generated{}, &Error{Reason: NotMade, Key: Redact(full), Detail: "the key was made and does not sign", Err: err}
	}
	return Generated{URI: full, Kind: Kind(key.Public()), Public: key.Public()}, nil
}

// request is what go.step.sm/crypto calls an algorithm.
func (a Algorithm) request() (apiv1.SignatureAlgorithm, int) {
	switch a {
	case P384:
		return apiv1.ECDSAWithSHA384, 0
	case RSA3072:
		return apiv1.SHA256WithRSA, 3072
	case RSA4096:
		return apiv1.SHA256WithRSA, 4096
	}
	return apiv1.ECDSAWithSHA256, 0
}
