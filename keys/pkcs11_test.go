//go:build cgo && !nopkcs11

package keys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/keys"
)

func TestTokenSigns(t *testing.T) {
	h := newHSM(t)
	for i, c := range []struct {
		name string
		key  crypto.Signer
	}{
		{"P-256", newEC(t, elliptic.P256())}, {"P-384", newEC(t, elliptic.P384())}, {"RSA-3072", rsa3072()},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := fmt.Sprintf("%02x", i+1)
			h.put(c.key, "key "+c.name, id)
			for _, path := range []string{
				"token=audits;object=key%20" + c.name,
				"token=audits;id=" + id,
				"token=audits;id=%" + id + ";type=private",
				"manufacturer=SoftHSM%20project;model=SoftHSM%20v2;id=" + id + ";object=key%20" + c.name,
			} {
				k := openKey(t, h.uri(path), keys.Options{})
				signAndOpen(t, k, c.key.Public())
				if err := k.Close(); err != nil {
					t.Error(err)
				}
				_, err := attest.Sign(t.Context(), "text/plain", []byte("x"), k)
				wantReason(t, err, keys.Closed)
			}
		})
	}
}

func TestTokenSignsPSS(t *testing.T) {
	h := newHSM(t)
	h.put(rsa3072(), "rsa", "01")
	k := openKey(t, h.uri("token=audits;object=rsa"), keys.Options{})
	digest := sha256.Sum256([]byte("two ounces"))
	opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
	sig, err := k.Sign(rand.Reader, digest[:], opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := rsa.VerifyPSS(rsa3072().Public().(*rsa.PublicKey), crypto.SHA256, digest[:], sig, opts); err != nil {
		t.Error(err)
	}
	_, err = k.Sign(rand.Reader, digest[:10], crypto.SHA256)
	wantReason(t, err, keys.NotADigest)
	_, err = k.Sign(rand.Reader, digest[:], crypto.Hash(0))
	wantReason(t, err, keys.NotADigest)
}

func TestTokenRefused(t *testing.T) {
	h := newHSM(t)
	good := h.put(newEC(t, elliptic.P256()), "good", "01")
	h.put(newEC(t, elliptic.P256()), "twin", "02")
	h.put(newEC(t, elliptic.P256()), "twin", "03")
	h.put(newEC(t, elliptic.P521()), "large", "04")
	h.put(newEC(t, elliptic.P256()), "bare", "05", "--no-public-key")
	h.tool("--keypairgen", "--key-type", "EC:edwards25519", "--label", "edwards", "--id", "06")
	h.putUnsigning("agree", 7)
	h.token("spare")
	h.token("spare")
	dir := t.TempDir()
	file := func(name, text string) string {
		writeFile(t, filepath.Join(dir, name), text)
		return filepath.Join(dir, name)
	}
	in := "&pin-source="
	cases := map[string]struct {
		uri  string
		want keys.Reason
		says string
	}{
		"wrong PIN":          {h.asking("token=audits;object=good") + "&pin-value=4321", keys.WrongPIN, "token audits"},
		"wrong PIN in file":  {h.asking("token=audits;object=good") + in + file("wrong", "4321\n"), keys.WrongPIN, ""},
		"PIN too short":      {h.asking("token=audits;object=good") + "&pin-value=1", keys.WrongPIN, ""},
		"no PIN":             {h.asking("token=audits;object=good"), keys.NoSecret, "pin-source"},
		"no PIN file":        {h.asking("token=audits;object=good") + in + filepath.Join(dir, "none"), keys.Unreadable, "no such file"},
		"empty PIN file":     {h.asking("token=audits;object=good") + in + file("empty", "\n"), keys.NoSecret, "empty"},
		"PIN file, lines":    {h.asking("token=audits;object=good") + in + file("lines", "1234\n1234\n"), keys.NoSecret, "several lines"},
		"PIN file, large":    {h.asking("token=audits;object=good") + in + file("large", string(make([]byte, 2000))), keys.Unreadable, "larger"},
		"PIN from a command": {h.asking("token=audits;object=good") + in + "|cat", keys.BadURI, "no command"},
		"no module":          {"pkcs11:token=audits;object=good?module-path=" + filepath.Join(dir, "none.so"), keys.NoModule, "no such file"},
		"no such library":    {"pkcs11:token=audits;object=good?module-path=none-of-this-name.so", keys.NoModule, "cannot be loaded"},
		"not a module":       {"pkcs11:token=audits;object=good?module-path=" + file("text.so", "text"), keys.NoModule, "no PKCS #11 module"},
		"no token":           {h.uri("token=Audits;object=good"), keys.NoToken, "audits (serial "},
		"no serial":          {h.uri("token=audits;serial=00;object=good"), keys.NoToken, ""},
		"no slot":            {h.uri("slot-id=7;object=good"), keys.NoToken, ""},
		"two tokens":         {h.uri("token=spare;object=good"), keys.Ambiguous, "2 tokens match"},
		"any token":          {h.uri("object=good"), keys.Ambiguous, "3 tokens match"},
		"no object":          {h.uri("token=audits;object=Good"), keys.NoKey, "there is object="},
		"no id":              {h.uri("token=audits;id=ff"), keys.NoKey, ""},
		"another's id":       {h.uri("token=audits;object=good;id=02"), keys.NoKey, ""},
		"two keys":           {h.uri("token=audits;object=twin"), keys.Ambiguous, "2 private keys"},
		"any key":            {h.uri("token=audits"), keys.Ambiguous, "name one by object and id"},
		"P-521":              {h.uri("token=audits;object=large"), keys.BadKey, "P-256 and P-384"},
		"Ed25519":            {h.uri("token=audits;object=edwards"), keys.BadKey, "Ed25519"},
		"not for signing":    {h.uri("token=audits;object=agree"), keys.BadKey, "CKA_SIGN"},
		"no public half":     {h.uri("token=audits;object=bare"), keys.BadKey, "public half"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			k, err := keys.Open(t.Context(), c.uri, keys.Options{})
			if k != nil {
				k.Close()
				t.Fatal("a key in spite of it")
			}
			wantReason(t, err, c.want, c.says)
		})
	}
	// After all that, the module is whole, and each of what was refused stood alone.
	signAndOpen(t, openKey(t, h.uri("token=audits;object=good"), keys.Options{}), good.Public())
	openKey(t, h.uri("token=audits;object=twin;id=02"), keys.Options{})
}

// A token without any key says so.
func TestTokenIsEmpty(t *testing.T) {
	h := newHSM(t)
	_, err := keys.Open(t.Context(), h.uri("token=audits;object=x"), keys.Options{})
	wantReason(t, err, keys.NoKey, "holds no private key")
}

// RSA-2048 on a token is a key like any other; whoever writes evidence refuses it, and
// nothing is signed.
func TestTokenRSA2048(t *testing.T) {
	h := newHSM(t)
	h.put(rsa2048(), "small", "01")
	k := openKey(t, h.uri("token=audits;object=small"), keys.Options{})
	if _, err := attest.Sign(t.Context(), "text/plain", []byte("x"), counting{k, t}); !attest.Is(err, attest.BadKey) {
		t.Errorf("RSA-2048: %v", err)
	}
}

func TestAskedForPIN(t *testing.T) {
	h := newHSM(t)
	public := h.put(newEC(t, elliptic.P256()), "good", "01").Public()
	asked := 0
	answer, refusal := []byte(pin), error(nil)
	o := keys.Options{PIN: func(token string) ([]byte, error) {
		if asked++; token != "audits" {
			t.Errorf("asked for the PIN of %q", token)
		}
		return answer, refusal
	}}
	signAndOpen(t, openKey(t, h.asking("token=audits;object=good"), o), public)
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	for _, uri := range []string{h.uri("token=audits;object=good"), h.asking("token=none;object=good")} {
		if k, err := keys.Open(t.Context(), uri, o); err == nil {
			k.Close()
		}
	}
	if asked != 1 {
		t.Error("asked although the PIN was given, or there is no such token")
	}
	answer, refusal = nil, errors.New("nobody there")
	_, err := keys.Open(t.Context(), h.asking("token=audits;object=good"), o)
	wantReason(t, err, keys.NoSecret)
	if !errors.Is(err, refusal) {
		t.Errorf("the cause is lost: %v", err)
	}
	answer, refusal = []byte{}, nil
	_, err = keys.Open(t.Context(), h.asking("token=audits;object=good"), o)
	wantReason(t, err, keys.NoSecret, "empty")
}

// Keys of one token share its login: the second one's PIN is checked all the same, and
// closing one leaves the other.
func TestTokenIsShared(t *testing.T) {
	h := newHSM(t)
	first := h.put(newEC(t, elliptic.P256()), "first", "01")
	second := h.put(newEC(t, elliptic.P384()), "second", "02")
	link := filepath.Join(t.TempDir(), "module.so")
	if err := os.Symlink(h.module, link); err != nil {
		t.Fatal(err)
	}
	a := openKey(t, h.uri("token=audits;object=first"), keys.Options{})
	_, err := keys.Open(t.Context(), h.asking("token=audits;object=second")+"&pin-value=4321", keys.Options{})
	wantReason(t, err, keys.WrongPIN)
	b := openKey(t, "pkcs11:token=audits;object=second?module-path="+link+"&pin-value="+pin, keys.Options{})
	for range 2 {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		signAndOpen(t, b, second.Public())
	}
	signAndOpen(t, openKey(t, h.uri("token=audits;object=first"), keys.Options{}), first.Public())
}

// 64 signatures at once on two keys, while others open and close theirs.
func TestTokenInParallel(t *testing.T) {
	h := newHSM(t)
	public := []crypto.PublicKey{h.put(newEC(t, elliptic.P256()), "0", "01").Public(), h.put(rsa3072(), "1", "02").Public()}
	var open []keys.Key
	for i := range public {
		open = append(open, openKey(t, h.uri(fmt.Sprintf("token=audits;object=%d", i)), keys.Options{}))
	}
	var wg sync.WaitGroup
	for n := range 64 {
		wg.Go(func() {
			signAndCheck(t, open[n%2], public[n%2])
		})
		if n%8 == 0 {
			wg.Go(func() {
				k, err := keys.Open(t.Context(), h.uri("token=audits;object=0"), keys.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				signAndCheck(t, k, public[0])
				if err := k.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
}

// signAndCheck is signAndOpen for goroutines, which must not end a test.
func signAndCheck(t *testing.T, k crypto.Signer, public crypto.PublicKey) {
	raw, err := attest.Sign(t.Context(), "text/plain", []byte("two ounces"), k)
	if err == nil {
		_, err = attest.OpenPayload(raw, "text/plain", public)
	}
	if err != nil {
		t.Error(err)
	}
}

// Close waits for signatures that are being made.
func TestCloseWhileSigning(t *testing.T) {
	h := newHSM(t)
	h.put(rsa3072(), "rsa", "01")
	for range 4 {
		k := openKey(t, h.uri("token=audits;object=rsa"), keys.Options{})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				_, err := attest.Sign(t.Context(), "text/plain", []byte("x"), k)
				if err != nil && !keys.Is(err, keys.Closed) {
					t.Error(err)
				}
			})
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
}

// The public key beside a private one is found by label and id, which anybody can
// give to another.
func TestTokenWithAnothersPublicKey(t *testing.T) {
	h := newHSM(t)
	h.put(newEC(t, elliptic.P256()), "mixed", "01", "--no-public-key")
	der, err := x509.MarshalPKIXPublicKey(newEC(t, elliptic.P256()).Public())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "other.der")
	writeFile(t, path, string(der))
	h.tool("--write-object", path, "--type", "pubkey", "--id", "01", "--label", "mixed")
	k := openKey(t, h.uri("token=audits;object=mixed"), keys.Options{})
	_, err = attest.Sign(t.Context(), "text/plain", []byte("x"), k)
	wantReason(t, err, keys.BadSignature)
}

// PIV cards want the PIN for each signature of one of their keys.
func TestTokenAsksForEachSignature(t *testing.T) {
	h := newHSM(t)
	h.tool("--keypairgen", "--key-type", "EC:prime256v1", "--label", "ec", "--id", "01", "--always-auth", "--usage-sign")
	h.tool("--keypairgen", "--key-type", "rsa:3072", "--label", "rsa", "--id", "02", "--always-auth", "--usage-sign")
	for _, label := range []string{"ec", "rsa"} {
		k := openKey(t, h.uri("token=audits;object="+label), keys.Options{})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { signAndCheck(t, k, k.Public()) })
		}
		wg.Wait()
		digest := sha256.Sum256(nil)
		if _, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil {
			t.Error(err)
		}
		if label == "rsa" {
			pss := &rsa.PSSOptions{Hash: crypto.SHA256} // salt as long as it may be
			sig, err := k.Sign(rand.Reader, digest[:], pss)
			if err != nil || rsa.VerifyPSS(k.Public().(*rsa.PublicKey), crypto.SHA256, digest[:], sig, pss) != nil {
				t.Errorf("RSA-PSS: %v", err)
			}
			_, err = k.Sign(rand.Reader, digest[:20], crypto.SHA1)
			wantReason(t, err, keys.SigningFailed, "SHA-256")
		}
	}
}

func TestListToken(t *testing.T) {
	h := newHSM(t)
	h.put(newEC(t, elliptic.P256()), "assess ment", "01a2")
	h.put(newEC(t, elliptic.P256()), "two\nlines", "03")
	h.token("spare")
	h.token("spare")
	_, err := keys.List(t.Context(), h.asking("token=audits")+"&pin-value=4321", keys.Options{})
	wantReason(t, err, keys.WrongPIN)
	seen := "public half seen; the private one shows after a login (pin-source)"
	listed := list(t, h.asking("token=audits"))
	want := []keys.Listed{
		{URI: "pkcs11:token=audits;object=assess%20ment;id=%01%A2?module-path=" + h.module, Kind: "ECDSA P-256", Comment: "audits", Problem: seen},
		{URI: "pkcs11:token=audits;object=two%0Alines;id=%03?module-path=" + h.module, Kind: "ECDSA P-256", Comment: "audits", Problem: seen},
	}
	if d := cmp.Diff(want, listed); d != "" {
		t.Error(d)
	}
	listed = list(t, h.uri("token=audits;id=03"))
	want = []keys.Listed{{URI: h.uri("token=audits;object=two%0Alines;id=%03"), Kind: "ECDSA P-256", Comment: "audits"}}
	if d := cmp.Diff(want, listed); d != "" {
		t.Error(d)
	}
	openKey(t, listed[0].URI, keys.Options{}) // and again while a key is open
	if d := cmp.Diff(want, list(t, h.uri("token=audits;id=03"))); d != "" {
		t.Error(d)
	}
	if all := list(t, "pkcs11:?module-path="+h.module); len(all) != 4 || all[2].Kind != "" || all[2].Problem == "" {
		t.Errorf("the whole module: %+v", all)
	}
	for _, one := range list(t, h.asking("token=spare")) {
		if _, err := keys.Open(t.Context(), one.URI, keys.Options{PIN: func(string) ([]byte, error) { return []byte(pin), nil }}); !keys.Is(err, keys.NoKey) {
			t.Errorf("%s: %v", one.URI, err) // one token, not two
		}
	}
	_, err = keys.List(t.Context(), h.asking("token=none"), keys.Options{})
	wantReason(t, err, keys.NoToken)
	_, err = keys.List(t.Context(), h.uri("token=spare"), keys.Options{})
	wantReason(t, err, keys.Ambiguous)
}

func list(t *testing.T, uri string) []keys.Listed {
	t.Helper()
	all, err := keys.List(t.Context(), uri, keys.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A key of a token signs what the standard library has signed with it.
func TestTokenMakesCertificates(t *testing.T) {
	h := newHSM(t)
	key := h.put(newEC(t, elliptic.P256()), "ca", "01")
	k := openKey(t, h.uri("token=audits;object=ca"), keys.Options{})
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, k)
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	if err := request.CheckSignature(); err != nil || !key.Public().(*ecdsa.PublicKey).Equal(request.PublicKey) {
		t.Errorf("request by another key, or %v", err)
	}
}
