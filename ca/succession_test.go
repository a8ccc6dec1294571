package ca_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
)

// TestTimestampRolloversKeepSignatures plays a rollover of the timestamping authority, one
// of its CA, and one of the root: what was stamped before stays valid, also for who
// trusts the roots of that day alone.
func TestTimestampRolloversKeepSignatures(t *testing.T) {
	ctx := context.Background()
	r := &rehearsal{Rehearsal: ca.NewRehearsal(t), t: t, dir: t.TempDir()}
	r.ca = r.Reopen(t)
	a := r.sign("A")
	r.change(func(s *ca.Site) (ca.Change, error) { return s.RolloverTSA(ctx) })
	b := r.sign("B")
	r.change(func(s *ca.Site) (ca.Change, error) { return s.RolloverTimestamping(ctx) })
	c := r.sign("C")
	r.change(func(s *ca.Site) (ca.Change, error) { return s.RolloverRoot(ctx) })
	d := r.sign("D")
	for name, under := range map[string]string{"tsa": "timestamping", "tsa-2": "timestamping", "tsa-3": "timestamping-2", "timestamping": "root", "timestamping-2": "root"} {
		if err := r.cert(name).CheckSignatureFrom(r.cert(under)); err != nil {
			t.Errorf("%s under %s: %v", name, under, err)
		}
	}
	if got := r.cert("timestamping-2").Subject.CommonName; !strings.HasSuffix(got, "Timestamping CA 2") {
		t.Error(got)
	}
	for _, s := range []signed{a, b, c, d} {
		r.want(s, true, []string{"root"}, []string{"root"})
		r.want(s, true, []string{"root"}, []string{"root", "root-2"})
		// The newest root alone: for what was stamped since, with the cross-certificate.
		r.want(s, s.name == "D", []string{"root"}, []string{"root-2"})
	}
	// Years later the certificates of the authorities before have ended, and what they stamped stays.
	r.Later(10 * 365 * 24 * time.Hour)
	r.want(a, true, []string{"root"}, []string{"root"})
	// Their lists go on, and a key that is gone is not missed.
	lists := r.ca.Lists()
	for _, name := range []string{"timestamping", "timestamping-2"} {
		der, err := r.ca.CRL(ctx, name)
		if err != nil || !strings.Contains(strings.Join(lists, " "), name) {
			t.Fatal(name, err)
		}
		list, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := r.ca.Certificate(name)
		if err != nil || list.CheckSignatureFrom(cert) != nil {
			t.Errorf("list of %s: %v", name, err)
		}
	}
	if change, err := r.Site(t).RenewOfflineCRLs(ctx); err != nil || len(change.Made) != 4 {
		t.Errorf("%v %v", change, err)
	}
}

// TestStatusRollover: the new key is announced before it signs, the one before counts
// for as long as what it signed, and a compromised one counts no more at once.
func TestStatusRollover(t *testing.T) {
	ctx := context.Background()
	r := &rehearsal{Rehearsal: ca.NewRehearsal(t), t: t, dir: t.TempDir()}
	r.ca = r.Reopen(t)
	signer := func() *ecdsa.PublicKey { return r.ca.StatusSigner().Public().(*ecdsa.PublicKey) }
	keys := func() []ca.TrustKey {
		t.Helper()
		trust, err := r.ca.Trust(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return trust.StatusKeys
	}
	first := signer()
	for _, overlap := range []time.Duration{0, time.Hour, 365 * 24 * time.Hour} {
		if _, err := r.Site(t).RolloverStatus(ctx, overlap, false); !errors.Is(err, ca.ErrOverlap) {
			t.Errorf("overlap of %s: %v", overlap, err)
		}
	}
	change, err := r.Site(t).RolloverStatus(ctx, 14*24*time.Hour, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Site(t).RolloverStatus(ctx, 14*24*time.Hour, false); err == nil {
		t.Error("another one during the overlap")
	}
	r.ca = r.Reopen(t)
	list := keys()
	if !signer().Equal(first) || len(list) != 2 || !first.Equal(list[0].Key) || !list[0].NotBefore.IsZero() || !list[0].NotAfter.Equal(change.Until) ||
		!list[1].NotBefore.Equal(r.Now().UTC().Truncate(time.Second)) || !list[1].NotAfter.IsZero() {
		t.Fatalf("%+v %+v", change, list)
	}
	r.Later(14 * 24 * time.Hour) // no restart
	second := signer()
	if !second.Equal(list[1].Key) || !change.From.Before(change.Until) {
		t.Errorf("the second does not sign from %s on", change.From)
	}
	if _, err := r.Site(t).RolloverStatus(ctx, 0, true); err != nil {
		t.Fatal(err)
	}
	r.ca = r.Reopen(t)
	if list = keys(); len(list) != 1 || second.Equal(list[0].Key) || !signer().Equal(crypto.PublicKey(list[0].Key)) {
		t.Errorf("after the compromise: %+v", list)
	}
}
