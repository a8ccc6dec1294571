package ca

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// renew orders the lists of a year.
func (c *ceremony) renew(now time.Time) {
	c.t.Helper()
	if _, err := openSite(c.t, c.dir, now).RenewOfflineCRLs(context.Background()); err != nil {
		c.t.Fatal(err)
	}
	c.readOrder()
}

// cancel takes the order back.
func (c *ceremony) cancel() {
	c.t.Helper()
	if err := CancelOrder(c.dir); err != nil {
		c.t.Fatal(err)
	}
}

// TestListsAfterALostAnswer: a year's lists were signed and never imported. The next
// ceremony makes others, with numbers of their own.
func TestListsAfterALostAnswer(t *testing.T) {
	c := newCeremony(t)
	now := born.Add(time.Hour)
	c.mustImport(c.mustSign(now), now)
	now = born.Add(year / 2)
	c.renew(now)
	tooLate := c.mustSign(now)
	now = now.Add(40 * 24 * time.Hour)
	wantCeremony(t, c.importAnswer(tooLate, now), CeremonyStale)
	c.cancel()
	c.renew(now)
	c.mustImport(c.mustSign(now), now)
	h, err := OpenHierarchy(c.dir, passphrase)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := x509.ParseRevocationList(h.crls[nameRoot]); err != nil || list.Number.Int64() != 3 {
		t.Errorf("list %v: 1 is of the first ceremony, 2 was signed and lost (%v)", list.Number, err)
	}
	// A server that says it knows of nothing gets no second list of a number far behind.
	c.renew(now)
	far, err := x509.ParseRevocationList(h.crls[nameRoot])
	if err != nil {
		t.Fatal(err)
	}
	root, err := readCertificate(certPath(c.vault, nameRoot))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(c.vault, "keys", "root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := decryptKey(raw, []byte("of the vault"))
	if err != nil {
		t.Fatal(err)
	}
	der, err := offlineCRL(root, key, far.Number.SetUint64(3+maxListGap), now)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(crlPath(c.vault, nameRoot), der, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = c.sign(now)
	wantCeremony(t, err, CeremonyList)
}

// TestOrderInsteadOfAnother: a new issuing CA was signed and its answer lost. The order
// that follows is for another key of the same name, and is signed only where a person
// says which order it takes the place of.
func TestOrderInsteadOfAnother(t *testing.T) {
	for name, change := range map[string]func(*Site) (Change, error){
		"tier":         func(s *Site) (Change, error) { return s.RolloverTier(context.Background(), "high") },
		"root":         func(s *Site) (Change, error) { return s.RolloverRoot(context.Background()) },
		"timestamping": func(s *Site) (Change, error) { return s.RolloverTimestamping(context.Background()) },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCeremony(t)
			now := born.Add(time.Hour)
			c.mustImport(c.mustSign(now), now)
			order := func() string {
				t.Helper()
				if _, err := change(openSite(t, c.dir, now)); err != nil {
					t.Fatal(err)
				}
				c.readOrder()
				info, err := ReadOrder(c.order)
				if err != nil {
					t.Fatal(err)
				}
				return info.ID
			}
			lost := order()
			c.mustSign(now)
			c.cancel()
			order()
			_, err := c.sign(now)
			wantCeremony(t, err, CeremonyBefore)
			if err == nil || !strings.Contains(err.Error(), lost) {
				t.Errorf("%v: does not say which order it was", err)
			}
			for wrong, want := range map[string]CeremonyReason{strings.Repeat("0", 32): CeremonyMissing, "../" + lost[3:]: CeremonyFormat} {
				c.insteadOf = wrong
				_, err = c.sign(now)
				wantCeremony(t, err, want)
			}
			c.insteadOf = lost
			answer := c.mustSign(now)
			if _, err := CheckAnswer(c.vault, c.order, answer, now); err != nil {
				t.Error(err)
			}
			c.mustImport(answer, now)
			if _, err := OpenHierarchy(c.dir, passphrase); err != nil {
				t.Error(err)
			}
		})
	}
}
