package keys

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.step.sm/crypto/kms/apiv1"
	stepuri "go.step.sm/crypto/kms/uri"
)

// fakeManager stands for a driver of go.step.sm/crypto.
type fakeManager struct {
	login  string // the URI that it was opened with
	keys   map[string]crypto.Signer
	rename func(string) string // what the service calls a new key
	other  crypto.Signer       // not nil: what it makes, whatever was asked for
	asked  *apiv1.CreateKeyRequest
	closed int
}

func (f *fakeManager) GetPublicKey(r *apiv1.GetPublicKeyRequest) (crypto.PublicKey, error) {
	if k := f.keys[r.Name]; k != nil {
		return k.Public(), nil
	}
	return nil, errors.New("not found")
}

func (f *fakeManager) CreateSigner(r *apiv1.CreateSignerRequest) (crypto.Signer, error) {
	if k := f.keys[r.SigningKey]; k != nil {
		return k, nil
	}
	return nil, errors.New("not found")
}

func (f *fakeManager) CreateKey(r *apiv1.CreateKeyRequest) (*apiv1.CreateKeyResponse, error) {
	f.asked = r
	key := f.other
	if key == nil && r.Bits > 0 {
		key = fakeRSA()
	} else if key == nil {
		key = f.mustKey()
	}
	name := r.Name
	if f.rename != nil {
		name = f.rename(name)
	}
	f.keys[name] = key
	return &apiv1.CreateKeyResponse{Name: name, PublicKey: key.Public()}, nil
}

func (f *fakeManager) Close() error { f.closed++; return nil }

// fakeService is the service of a scheme with a fake behind it.
func fakeService(t *testing.T, scheme string) (service, *fakeManager) {
	t.Helper()
	s, ok := serviceOf(scheme)
	if !ok {
		t.Fatalf("no service %s", scheme)
	}
	f := &fakeManager{keys: make(map[string]crypto.Signer)}
	s.open = func(_ context.Context, o apiv1.Options) (apiv1.KeyManager, error) {
		f.login = o.URI
		return f, nil
	}
	return s, f
}

func TestServiceOpens(t *testing.T) {
	const google = "projects/p/locations/l/keyRings/r/cryptoKeys/k/cryptoKeyVersions/1"
	for uri, c := range map[string]struct{ login, key string }{
		"awskms:key-id=ab;region=eu":                 {"awskms:region=eu", "awskms:key-id=ab;region=eu"},
		"azurekms:name=k;vault=v?hsm=true":           {"azurekms:hsm=true;vault=v", "azurekms:hsm=true;name=k;vault=v"},
		"cloudkms:" + google:                         {"cloudkms:", "cloudkms:resource=" + url.QueryEscape(google)},
		"cloudkms:resource=" + google:                {"cloudkms:", "cloudkms:resource=" + url.QueryEscape(google)},
		"tpmkms:name=k;storage-directory=%2Fvar%2Fx": {"tpmkms:storage-directory=%2Fvar%2Fx", "tpmkms:name=k;storage-directory=%2Fvar%2Fx"},
	} {
		scheme, _ := splitScheme(uri)
		s, f := fakeService(t, scheme)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		f.keys[c.key] = key
		k, err := s.openKey(t.Context(), uri)
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256(nil)
		if _, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil || f.login != c.login {
			t.Errorf("%s: logged in with %s, %v", uri, f.login, err)
		}
		if err := errors.Join(k.Close(), k.Close()); err != nil || f.closed != 1 {
			t.Errorf("closed %d times, %v", f.closed, err)
		}
	}
}

func TestServiceRefuses(t *testing.T) {
	for uri, c := range map[string]struct {
		want Reason
		says string
	}{
		"awskms:":                                      {BadURI, "without a value"},
		"awskms:region=eu":                             {BadURI, "key-id=… has to say"},
		"awskms:key-id=ab;key-id=cd":                   {BadURI, "given twice"},
		"awskms:key-id=ab?key-id=cd":                   {BadURI, "given twice"},
		"awskms:key-id=alias/Root":                     {BadURI, "capital letters"},
		"awskms:key-id=ab&client-secret=5e3t":          {BadURI, "separated by ;"},
		"awskms:key-id=ab?region=a;client-secret=5e3t": {BadURI, "separated by ;"},
		"awskms:key-id=":                               {BadURI, "empty"},
		"awskms:key-id=%zz":                            {BadURI, "percent-encoded"},
		"awskms:key-id=a%0ab":                          {BadURI, "one line"},
		"awskms:key-id=ab;endpoint=http://x":           {BadURI, "unknown attribute endpoint"},
		"azurekms:name=k;vault=v?client-secret=5e3t":   {BadURI, "unknown attribute client-secret"},
		"azurekms:name=k":                              {BadURI, "vault=… is wanted"},
		"azurekms:name=k;vault=v;hsm=yes":              {BadURI, "hsm: true or false"},
		"azurekms:name=k;vault=v?hsm=TRUE":             {BadURI, "hsm: true or false"},
		"azurekms:name=k;vault=example.com/":           {BadURI, "vault: a name"},
		"azurekms:name=k;vault=example.com%2F%3F":      {BadURI, "vault: a name"},
		"azurekms:name=k;vault=u@example.com%23":       {BadURI, "vault: a name"},
		"azurekms:name=k;vault=example":                {NoService, "not found"},
		"cloudkms:projects/p?x":                        {BadURI, "without a value"},
		"tpmkms:name=k":                                {BadURI, "storage-directory=… is wanted"},
		"tpmkms:name=none;storage-directory=/x":        {NoService, "not found"},
		"tpmkms:name=edwards;storage-directory=/x":     {BadKey, "Ed25519"},
	} {
		scheme, _ := splitScheme(uri)
		s, f := fakeService(t, scheme)
		_, edwards, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		f.keys["tpmkms:name=edwards;storage-directory=%2Fx"] = edwards
		k, err := s.openKey(t.Context(), uri)
		if !Is(err, c.want) || !strings.Contains(err.Error(), c.says) || k != nil {
			t.Errorf("%s: %v, want %s and %q", uri, err, c.want, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "5e3t") {
			t.Errorf("a secret is told: %v", err)
		}
		if opened := c.want == NoService || c.want == BadKey; opened != (f.closed == 1) {
			t.Errorf("%s: closed %d times", uri, f.closed)
		}
	}
}

func TestServiceGenerates(t *testing.T) {
	for uri, c := range map[string]struct {
		made  string // as the service says
		want  string
		level apiv1.ProtectionLevel
	}{
		"awskms:name=root;region=eu;profile=p":  {"awskms:key-id=ab", "awskms:key-id=ab;profile=p;region=eu", apiv1.HSM},
		"azurekms:name=root;vault=v":            {"azurekms:name=root;vault=v?version=7", "azurekms:name=root;vault=v;version=7", apiv1.UnspecifiedProtectionLevel},
		"cloudkms:projects/p/cryptoKeys/k":      {"projects/p/cryptoKeys/k/cryptoKeyVersions/1", "cloudkms:resource=projects%2Fp%2FcryptoKeys%2Fk%2FcryptoKeyVersions%2F1", apiv1.HSM},
		"tpmkms:name=root;storage-directory=/x": {"tpmkms:name=root", "tpmkms:name=root;storage-directory=%2Fx", apiv1.HSM},
	} {
		scheme, _ := splitScheme(uri)
		s, f := fakeService(t, scheme)
		f.rename = func(string) string { f.keys[c.want] = nil; return c.made }
		s.open = func(context.Context, apiv1.Options) (apiv1.KeyManager, error) { return alias{f, c.want, c.made}, nil }
		made, err := s.generate(t.Context(), uri, RSA3072)
		if err != nil || made.URI != c.want || made.Public == nil {
			t.Errorf("%s: %+v, %v", uri, made, err)
			continue
		}
		if f.asked.Bits != 3072 || f.asked.SignatureAlgorithm != apiv1.SHA256WithRSA || f.asked.ProtectionLevel != c.level || f.closed != 1 {
			t.Errorf("%s: asked for %+v, closed %d times", uri, f.asked, f.closed)
		}
		if again, err := s.parse(made.URI); err != nil || s.uriOf(again, s.attributes()...) != made.URI {
			t.Errorf("%s is read as %v, %v", made.URI, again, err)
		}
	}
	s, f := fakeService(t, "azurekms")
	f.keys["azurekms:name=taken;vault=v"] = f.mustKey()
	for uri, want := range map[string]Reason{
		"azurekms:name=k;vault=v;hsm=1": BadURI, "azurekms:name=taken;vault=v": Exists, "azurekms:vault=v": BadURI, "azurekms:name=k;vault=v;version=1": BadURI,
	} {
		if _, err := s.generate(t.Context(), uri, P256); !Is(err, want) || f.asked != nil {
			t.Errorf("%s: %v, want %s", uri, err, want)
		}
	}
}

// A service may make another kind of key than was asked for: Google gives a new version the
// kind that the key had before.
func TestServiceMakesAnotherKind(t *testing.T) {
	for a, want := range map[Algorithm]Reason{P256: "", P384: NotMade, RSA4096: NotMade} {
		s, f := fakeService(t, "cloudkms")
		f.other = f.mustKey()
		made, err := s.generate(t.Context(), "cloudkms:resource=projects/p/cryptoKeys/k", a)
		if (want == "") != (err == nil) || err != nil && (!Is(err, want) || !strings.Contains(err.Error(), "of kind ECDSA P-256") || made.URI != "") {
			t.Errorf("%s: %+v, %v", a, made, err)
		}
	}
}

// alias is a fake that finds the key it has made under the full name as well.
type alias struct {
	*fakeManager
	full, short string
}

func (a alias) CreateSigner(r *apiv1.CreateSignerRequest) (crypto.Signer, error) {
	if r.SigningKey == a.full {
		return a.keys[a.short], nil
	}
	return nil, errors.New("not found")
}

// fakeRSA is what it makes when RSA is asked for.
var fakeRSA = sync.OnceValue(func() crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		panic(err)
	}
	return key
})

func (f *fakeManager) mustKey() crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// FuzzServiceURI: what is read is what the driver reads from what we write, and no
// error and no redacted form tells the value of an attribute that is not known.
func FuzzServiceURI(f *testing.F) {
	for _, seed := range []string{
		"awskms:key-id=ab;region=eu", "azurekms:name=a%20b+c;vault=v?hsm=true", "cloudkms:projects/p/locations/l", "cloudkms:resource=a%2Fb",
		"tpmkms:name=%3B%26;storage-directory=/x", "awskms:", "azurekms:client-secret=x;name=k", "pkcs11:token=a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		scheme, _ := splitScheme(raw)
		s, ok := serviceOf(scheme)
		if !ok || len(raw) > maxURI {
			return
		}
		const secret = "5ecr3t-5ecr3t"
		for _, separator := range []string{";", "&"} {
			tampered := raw + separator + "client-secret=" + secret
			_, err := s.parse(tampered)
			if err == nil || strings.Contains(err.Error(), secret) && !strings.Contains(raw, "5ecr3t") {
				t.Fatalf("%s: %v", tampered, err)
			}
		}
		values, err := s.parse(raw)
		if err != nil {
			if values != nil {
				t.Fatal("half a result with an error")
			}
			return
		}
		written := s.uriOf(values, s.attributes()...)
		theirs, err := stepuri.ParseWithScheme(s.scheme, written)
		if err != nil {
			t.Fatalf("%s was written as %s: %v", raw, written, err)
		}
		if d := cmp.Diff(values, theirs.Values); d != "" {
			t.Fatal(d)
		}
	})
}
