package ca

import (
	"bytes"
	"math/big"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
	"golang.org/x/crypto/ocsp"
)

// TestOCSPAtTheEndOfACA: in the last month of an issuing CA its responder lasts as long as
// it does, and there is one and not one for each answer.
func TestOCSPAtTheEndOfACA(t *testing.T) {
	f := newFixture(t)
	issuer := f.ca.tiers[0].issuer.cert
	at := func(before time.Duration) {
		f.clock.mu.Lock()
		defer f.clock.mu.Unlock()
		f.clock.t = issuer.NotAfter.Add(-before)
	}
	intents := func() (n int) {
		f.view(func(r store.Reader) error {
			for _, err := range store.Intents.All(r, "") {
				if n++; err != nil {
					return err
				}
			}
			return nil
		})
		return n
	}
	for _, before := range []time.Duration{29 * 24 * time.Hour, 10 * 24 * time.Hour, time.Minute} {
		at(before)
		var first *ocsp.Response
		for range 3 {
			der, err := f.ca.OCSP(t.Context(), askOCSP(t, f, big.NewInt(1)))
			if err != nil {
				t.Fatalf("%s before the end: %v", before, err)
			}
			answer, err := ocsp.ParseResponse(der, issuer)
			if err != nil {
				t.Fatal(err)
			}
			if answer.Certificate.NotAfter.After(issuer.NotAfter) {
				t.Errorf("%s before the end: a responder until %s, its CA ends %s", before, answer.Certificate.NotAfter, issuer.NotAfter)
			}
			if first == nil {
				first = answer
			}
			if answer.Certificate.SerialNumber.Cmp(first.Certificate.SerialNumber) != 0 {
				t.Errorf("%s before the end: a responder for every answer", before)
			}
		}
	}
	if n := intents(); n > 2 {
		t.Errorf("%d responders in a month", n)
	}
	// After it, nobody can vouch for anything any more, and nothing is signed or recorded.
	before := intents()
	at(-time.Hour)
	hook(f.ca, func([]byte) { t.Error("signed by a CA that has ended") })
	der, err := f.ca.OCSP(t.Context(), askOCSP(t, f, big.NewInt(1)))
	if err != nil || !bytes.Equal(der, ocsp.UnauthorizedErrorResponse) || intents() != before {
		t.Errorf("% x, %v, %d intents more", der, err, intents()-before)
	}
}
