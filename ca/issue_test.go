package ca

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/store"
)

func TestIssueCarriesExactlyWhatWasAssessed(t *testing.T) {
	f := newFixture(t)
	rec := f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	f.clock.Add(time.Hour)
	issued := f.issue("acme")
	c := issued.Certificate

	mark, err := f.ca.arc.ReadMark(c)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(mark.Assurance.Claims); n != 1 {
		t.Fatalf("%d claims, want 1", n)
	}
	claim := mark.Assurance.Claims[0]
	if claim.Framework != "https://slsa.dev/spec/v0.1/" || claim.Track != "slsa" || claim.Level != 3 {
		t.Errorf("claim %+v", claim)
	}
	if got := claim.Assessment; got.LogOrigin != rec.LogOrigin || got.LogIndex != rec.LogIndex || !got.ValidUntil.Equal(rec.ValidUntil) {
		t.Errorf("reference %+v", got)
	}
	if want := []string{"https://attestations.acme.example/v1"}; !slices.Equal(mark.Repository.URLs, want) {
		t.Errorf("repositories %v, want %v", mark.Repository.URLs, want)
	}
	if len(c.URIs) != 1 || c.URIs[0].String() != "https://acme.example" || c.IsCA || !c.BasicConstraintsValid {
		t.Errorf("SAN %v, CA %v", c.URIs, c.IsCA)
	}
	if c.KeyUsage != x509.KeyUsageDigitalSignature || !isCodeSigning(c) {
		t.Errorf("key usage %v, extended %v", c.KeyUsage, c.ExtKeyUsage)
	}
	if c.SerialNumber.Sign() <= 0 || c.SerialNumber.BitLen() < 64 {
		t.Errorf("serial number of %d bits", c.SerialNumber.BitLen())
	}
	if issued.Record.Tier != "elevated" {
		t.Errorf("tier %s, want elevated", issued.Record.Tier)
	}
	stored := f.certificates()
	if len(stored) != 1 || !bytes.Equal(stored[0].DER, c.Raw) || stored[0].Revocation != nil || stored[0].Serial != SerialKey(c.SerialNumber) {
		t.Fatalf("on record: %+v", stored)
	}
	f.view(func(r store.Reader) error {
		intent, err := store.Intents.Get(r, stored[0].Serial)
		if err == nil && !bytes.Equal(intent.TBS, c.RawTBSCertificate) {
			t.Error("the intent is not what was signed")
		}
		return err
	})
}

func TestIssueRefuses(t *testing.T) {
	slsa := func(level int) Wanted { return Wanted{Framework: "slsa-v0.1", Level: level} }
	for _, c := range []struct {
		name string
		prep func(*fixture)
		req  Request
		want Code
	}{
		{"no vendor named", nil, Request{}, CodeBadRequest},
		{"unknown vendor", nil, Request{Vendor: "nobody"}, CodeUnknownVendor},
		{"no assessment at all", nil, Request{Vendor: "beta"}, CodeNoAssessment},
		{"no assessment, level named", nil, Request{Vendor: "beta", Claims: []Wanted{slsa(1)}}, CodeNoAssessment},
		{"level too high", nil, Request{Vendor: "acme", Claims: []Wanted{slsa(4)}}, CodeLevelTooHigh},
		{"level off the ladder", nil, Request{Vendor: "acme", Claims: []Wanted{slsa(5)}}, CodeLevelTooHigh},
		{"negative level", nil, Request{Vendor: "acme", Claims: []Wanted{slsa(-1)}}, CodeBadRequest},
		{"other track", nil, Request{Vendor: "acme", Claims: []Wanted{{Framework: "slsa-v1.2", Track: "build", Level: 1}}}, CodeNoAssessment},
		{"unknown framework", nil, Request{Vendor: "acme", Claims: []Wanted{{Framework: "iso-9001"}}}, CodeUnknownFramework},
		{"unknown track", nil, Request{Vendor: "acme", Claims: []Wanted{{Framework: "slsa-v0.1", Track: "build"}}}, CodeUnknownTrack},
		{"track left open", nil, Request{Vendor: "acme", Claims: []Wanted{{Framework: "slsa-v1.2"}}}, CodeUnknownTrack},
		{"claim twice", nil, Request{Vendor: "acme", Claims: []Wanted{slsa(1), slsa(2)}}, CodeBadRequest},
		{"expired", func(f *fixture) { f.clock.Add(year) }, Request{Vendor: "acme"}, CodeNoAssessment},
		{"about to expire", func(f *fixture) { f.clock.Add(year - 10*time.Second) }, Request{Vendor: "acme"}, CodeValidity},
		{"withdrawn", func(f *fixture) { f.withdrawAll("acme") }, Request{Vendor: "acme"}, CodeNoAssessment},
		{"suspended", func(f *fixture) { f.suspend("acme") }, Request{Vendor: "acme"}, CodeVendorSuspended},
		{"too long", nil, Request{Vendor: "acme", Validity: 461 * 24 * time.Hour}, CodeValidity},
		{"too short", nil, Request{Vendor: "acme", Validity: time.Second}, CodeValidity},
		{"negative validity", nil, Request{Vendor: "acme", Validity: -time.Hour}, CodeValidity},
		{"unknown signing key", nil, Request{Vendor: "acme", SigningKey: "00"}, CodeSigningKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.assess("acme", "slsa-v0.1", "slsa", 3, year)
			if c.prep != nil {
				c.prep(f)
			}
			c.req.PublicKey = newKey(t).Public()
			_, err := f.ca.Issue(context.Background(), c.req)
			wantRefusal(t, err, c.want)
			if n := len(f.certificates()); n != 0 {
				t.Errorf("%d certificates on record", n)
			}
		})
	}
}

func (f *fixture) suspend(vendor string) {
	f.update(func(tx store.Tx) error {
		v, err := store.Vendors.Get(tx, vendor)
		if err != nil {
			return err
		}
		v.SuspendedAt = f.clock.Now()
		return store.Vendors.Put(tx, v)
	})
}

func (f *fixture) withdrawAll(vendor string) {
	f.t.Helper()
	var ids []string
	f.view(func(r store.Reader) error {
		ids = nil
		inForce, err := audit.InForce(r, vendor, f.clock.Now())
		for _, a := range inForce {
			ids = append(ids, a.ID)
		}
		return err
	})
	for _, id := range ids {
		if _, err := f.register.Withdraw(context.Background(), audit.WithdrawRequest{ID: id, By: "olga", Reason: "fraud"}); err != nil {
			f.t.Fatal(err)
		}
	}
}

// A record that was changed behind the auditor's back supports nothing.
func TestGateReadsSignedBytesOnly(t *testing.T) {
	f := newFixture(t)
	rec := f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	for name, change := range map[string]func(*store.Assessment){
		"level":  func(a *store.Assessment) { a.Level, a.LevelID = 4, "SLSA_LEVEL_4" },
		"vendor": func(a *store.Assessment) { a.Vendor = "beta" },
		"period": func(a *store.Assessment) { a.ValidUntil = a.ValidUntil.Add(year) },
	} {
		t.Run(name, func(t *testing.T) {
			forged := rec
			change(&forged)
			f.update(func(tx store.Tx) error { return store.Assessments.Put(tx, forged) })
			defer f.update(func(tx store.Tx) error { return store.Assessments.Put(tx, rec) })
			_, err := f.ca.Issue(context.Background(), Request{Vendor: forged.Vendor, PublicKey: newKey(t).Public()})
			if err == nil {
				t.Fatal("issued on a forged record")
			}
		})
	}
}

func TestIssueValidity(t *testing.T) {
	for _, c := range []struct {
		name           string
		assessed       time.Duration // life of the assessment
		age, validity  time.Duration
		wantEnd, start time.Duration // after noon
	}{
		{"ends with the assessment", 30 * 24 * time.Hour, time.Hour, 0, 30*24*time.Hour - time.Second, time.Hour - backdate},
		{"as asked", year, time.Hour, 24 * time.Hour, 25 * time.Hour, time.Hour - backdate},
		{"asked beyond the assessment", 24 * time.Hour, time.Hour, 300 * 24 * time.Hour, 24*time.Hour - time.Second, time.Hour - backdate},
		{"not before the assessment", year, 0, time.Hour, time.Hour, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.assess("acme", "slsa-v0.1", "slsa", 1, c.assessed)
			f.clock.Add(c.age)
			issued, err := f.ca.Issue(context.Background(), Request{Vendor: "acme", PublicKey: newKey(t).Public(), Validity: c.validity})
			if err != nil {
				t.Fatal(err)
			}
			if got := issued.Certificate.NotAfter; !got.Equal(noon.Add(c.wantEnd)) {
				t.Errorf("ends %s, want %s", got, noon.Add(c.wantEnd))
			}
			if got := issued.Certificate.NotBefore; !got.Equal(noon.Add(c.start)) {
				t.Errorf("begins %s, want %s", got, noon.Add(c.start))
			}
		})
	}
}

func TestTierIsTheLowestThatCovers(t *testing.T) {
	type claim struct {
		framework, track string
		level            int
	}
	for _, c := range []struct {
		name   string
		claims []claim
		want   string
	}{
		{"slsa 1", []claim{{"slsa-v0.1", "slsa", 1}}, "standard"},
		{"slsa 2", []claim{{"slsa-v0.1", "slsa", 2}}, "standard"},
		{"slsa 3", []claim{{"slsa-v0.1", "slsa", 3}}, "elevated"},
		{"slsa 4", []claim{{"slsa-v0.1", "slsa", 4}}, "high"},
		{"the highest decides", []claim{{"slsa-v1.2", "build", 1}, {"slsa-v1.2", "source", 4}}, "high"},
		{"two frameworks", []claim{{"slsa-v1.2", "build", 3}, {"cncf-sscp-v1", "assurance", 2}}, "elevated"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			for _, a := range c.claims {
				f.assess("acme", a.framework, a.track, a.level, year)
			}
			issued := f.issue("acme")
			if issued.Record.Tier != c.want {
				t.Errorf("tier %s, want %s", issued.Record.Tier, c.want)
			}
			if !bytes.Equal(issued.Certificate.RawIssuer, issued.Chain[0].RawSubject) || len(issued.Chain) != 1 {
				t.Error("the chain does not begin with the issuer")
			}
		})
	}
}

func TestLowerLevelThanAssessed(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 3, year)
	issued := f.issue("acme", Wanted{Framework: "https://slsa.dev/spec/v0.1/", Level: 1})
	mark, err := f.ca.arc.ReadMark(issued.Certificate)
	if err != nil || mark.Assurance.Claims[0].Level != 1 || issued.Record.Tier != "standard" {
		t.Fatalf("%+v, tier %s, %v", mark, issued.Record.Tier, err)
	}
	f.assess("acme", "cncf-sscp-v1", "assurance", 2, year)
	_, err = f.ca.Issue(context.Background(), Request{Vendor: "acme", PublicKey: newKey(t).Public(), Claims: []Wanted{{Framework: "cncf-sscp-v1", Level: 1}}})
	wantRefusal(t, err, CodeLevelUnsupported)
}

func TestKeysOfOthersAreRefused(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	f.assess("beta", "slsa-v0.1", "slsa", 2, year)
	key := newKey(t)
	first, err := f.ca.Issue(ctx, Request{Vendor: "acme", PublicKey: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ca.Issue(ctx, Request{Vendor: "acme", PublicKey: key.Public()}); err != nil {
		t.Errorf("the same vendor's key again: %v", err)
	}
	_, err = f.ca.Issue(ctx, Request{Vendor: "beta", PublicKey: key.Public()})
	wantRefusal(t, err, CodeKeyInUse)
	if err := f.ca.Revoke(ctx, first.Record.Serial, store.Revocation{Reason: ReasonKeyCompromise}); err != nil {
		t.Fatal(err)
	}
	_, err = f.ca.Issue(ctx, Request{Vendor: "acme", PublicKey: key.Public()})
	wantRefusal(t, err, CodeKeyCompromised)
	for name, k := range hierarchy(t).keys {
		if name == nameLedger {
			continue // Ed25519, refused for that
		}
		_, err = f.ca.Issue(ctx, Request{Vendor: "acme", PublicKey: k.Public()})
		wantRefusal(t, err, CodeKeyReserved)
	}
}

func TestSigningKeyHeldByTheService(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	f.assess("acme", "slsa-v0.1", "slsa", 2, year)
	f.assess("beta", "slsa-v0.1", "slsa", 2, year)
	rec, err := f.ca.NewSigningKey(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(rec.Encrypted, []byte("BEGIN PRIVATE KEY")) || !bytes.Contains(rec.Encrypted, []byte(encryptedKeyType)) {
		t.Error("the key is not encrypted")
	}
	_, err = f.ca.Issue(ctx, Request{Vendor: "beta", SigningKey: rec.ID})
	wantRefusal(t, err, CodeSigningKey)
	issued, err := f.ca.Issue(ctx, Request{Vendor: "acme", SigningKey: rec.ID})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := f.open(f.store).Signer(ctx, rec.ID) // another process: reads the record
	if err != nil {
		t.Fatal(err)
	}
	if !samePublicKey(signer.Public(), issued.Certificate.PublicKey) || issued.Record.SigningKey != rec.ID {
		t.Error("the certificate is for another key")
	}
	_, err = f.ca.Signer(ctx, "nope")
	wantRefusal(t, err, CodeSigningKey)
	_, err = f.ca.NewSigningKey(ctx, "nobody")
	wantRefusal(t, err, CodeUnknownVendor)
	_, err = f.ca.Issue(ctx, Request{Vendor: "acme", SigningKey: rec.ID, PublicKey: newKey(t).Public()})
	wantRefusal(t, err, CodeBadRequest)
}
