//go:build cgo && !nopkcs11

package ca

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/keys"
	"github.com/hallmark-pki/hallmark/store"
)

// openWith makes another CA over the fixture's store, which puts vendors' keys somewhere.
func (f *fixture) openWith(vendorKeys string) (*CA, error) {
	return Open(context.Background(), Config{Hierarchy: hierarchy(f.t), Passphrase: passphrase, Store: f.store, Now: f.clock.Now, VendorKeys: vendorKeys})
}

// Vendors' keys on a token: made there, found again after a restart, certified, and
// beside those that are in records.
func TestVendorKeysOnAToken(t *testing.T) {
	query := newToken(t)
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	ctx := context.Background()
	inRecord, err := f.ca.NewSigningKey(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	place := "pkcs11:token=ca;object={vendor}-{id}" + query
	c, err := f.openWith(place)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := c.NewSigningKey(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	if len(rec.Encrypted) != 0 || !strings.Contains(rec.Place, "object=acme-"+rec.ID) || strings.Contains(rec.Place, "1234") {
		t.Errorf("record %+v", rec)
	}
	if _, err := c.Issue(ctx, Request{Vendor: "acme", SigningKey: rec.ID, By: "test", Way: "api"}); err != nil {
		t.Errorf("certificate for a key on a token: %v", err)
	}
	digest := sha256.Sum256([]byte("x"))
	again, err := f.openWith("")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for range 8 {
		for _, id := range []string{rec.ID, inRecord.ID} {
			group.Go(func() {
				signer, err := again.Signer(ctx, id)
				if err != nil {
					t.Error(err)
					return
				}
				signature, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
				if err != nil || !ecdsa.VerifyASN1(signer.Public().(*ecdsa.PublicKey), digest[:], signature) {
					t.Errorf("signature by %s: %v", id, err)
				}
			})
		}
	}
	group.Wait()

	// Another key under that name on the token is found out, not signed with.
	other, err := f.openWith(place)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := other.NewSigningKey(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	stranger.Place = rec.Place
	f.update(func(tx store.Tx) error { return store.SigningKeys.Put(tx, stranger) })
	fresh, err := f.openWith("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.Signer(ctx, stranger.ID); err == nil || !strings.Contains(err.Error(), "another key") {
		t.Errorf("another key at that place: %v", err)
	}
	// A key that is gone from the token leaves a reason.
	module, _, _ := strings.Cut(strings.TrimPrefix(query, "?module-path="), "&")
	out, err := exec.Command("pkcs11-tool", "--module", module, "--token-label", "ca", "--login", "--pin", "1234",
		"--delete-object", "--type", "privkey", "--label", "acme-"+rec.ID).CombinedOutput()
	if err != nil {
		t.Fatalf("pkcs11-tool: %v\n%s", err, out)
	}
	if fresh, err = f.openWith(""); err != nil {
		t.Fatal(err)
	}
	if _, err := fresh.Signer(ctx, rec.ID); !keys.Is(err, keys.NoKey) {
		t.Errorf("a key that is gone: %v", err)
	}
}

func TestVendorKeysRefused(t *testing.T) {
	f := newFixture(t)
	for _, place := range []string{
		"/var/lib/keys/{id}.pem", "file:keys/{id}.pem", "ssh-agent:{id}", "pkcs11:token=ca;object=x?pin-source=pin", "pkcs11:token=ca;object={id}",
		"pkcs11:token=ca;object={id}?pin-value=1234",
	} {
		if _, err := f.openWith(place); err == nil || strings.Contains(err.Error(), "1234") {
			t.Errorf("%s: %v", place, err)
		}
	}
}
