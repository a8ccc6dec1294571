package attest

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"
	"testing"
)

// FuzzParsePublicKey: what is read has an id, and written again in PEM is read as the same.
func FuzzParsePublicKey(f *testing.F) {
	der, err := x509.MarshalPKIXPublicKey(fuzzKey().Public())
	if err != nil {
		f.Fatal(err)
	}
	good := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	for _, s := range []string{good, good + good, "x" + good, good[:40], "-----BEGIN PUBLIC KEY-----\nA: b\n\nAA==\n-----END PUBLIC KEY-----\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pub, err := ParsePublicKey(text)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || pub != nil {
				t.Fatalf("%v, %v", pub, err)
			}
			return
		}
		id, err := KeyID(pub)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParsePublicKey(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
		if err != nil {
			t.Fatal(err)
		}
		if other, err := KeyID(again); err != nil || other != id {
			t.Fatalf("%s is read again as %s, %v", id, other, err)
		}
	})
}

// FuzzReadDocument: nothing that is read is signed by a stranger's key, and what is read
// as a document is an envelope with a statement.
func FuzzReadDocument(f *testing.F) {
	seeds(f, "envelopes")
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := ReadDocument(raw)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || d != nil {
				t.Fatalf("%v, %v", d, err)
			}
			return
		}
		u, err := ParseEnvelope(raw)
		if err != nil || u.PayloadType != PayloadType {
			t.Fatalf("%+v, %v", u, err)
		}
		if _, err := ParseStatement(u.Payload); err != nil {
			t.Fatal(err)
		}
		for _, s := range d.Certified() {
			if _, err := s.Verify(fuzzKey().Public()); err == nil {
				t.Fatal("signed by a key that signed nothing with a certificate")
			}
		}
		if _, err := Open(raw, fuzzKey().Public()); err == nil {
			ring, err := NewKeyring(fuzzKey().Public())
			if err != nil || len(d.Signers(ring)) != 1 {
				t.Fatal("opens, and has no signer", err)
			}
		}
	})
}

// FuzzSplitSource: a location comes back unchanged, or as an address with its host in
// lower case and no ref in its path; "git+" in front makes no difference then.
func FuzzSplitSource(f *testing.F) {
	for _, s := range []string{
		"", "git+https://example.com/org/repo.git@refs/heads/main", "https://EXAMPLE.com/org/repo/", "https://example.com/a%2fb@c",
		"ssh://git@example.com/org/repo.git", "git+git+https://example.com/a", "//example.com/a", "a@b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		repository, ref := SplitSource(s)
		if repository == s && ref == "" {
			return
		}
		u, err := url.Parse(repository)
		if err != nil || u.Host != strings.ToLower(u.Host) || strings.Contains(u.Path, "@") {
			t.Fatalf("%q becomes %q: %v", s, repository, err)
		}
		if strings.HasPrefix(s, "git+") {
			return
		}
		if again, refAgain := SplitSource("git+" + s); again != repository || refAgain != ref {
			t.Fatalf("with git+ in front, %q becomes %q at %q, without %q at %q", s, again, refAgain, repository, ref)
		}
	})
}
