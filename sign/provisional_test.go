package sign

import (
	"context"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/sassoftware/relic/v7/lib/pkcs7"
)

// provisionalWorld has an assessment of a level that provenance alone does not show.
func provisionalWorld(t *testing.T, ask func(context.Context, store.Tx, store.Signature, [][]byte) error) (*builds, *Service) {
	t.Helper()
	b := &builds{world: newWorld(t), t: t}
	a := b.assessment(t)
	a.Level, a.LevelID = 4, "SLSA_LEVEL_4"
	b.rec = b.assessmentRecord(t, a)
	b.update(t, func(tx store.Tx) error { return store.Assessments.Insert(tx, b.rec) })
	c := buildService(t, b).c
	c.Provisional = &ProvisionalConfig{Within: func(string) time.Duration { return time.Hour }, Ask: ask}
	s, err := New(c)
	must(t, err)
	return b, s
}

func (b *builds) provisional() Request {
	r := b.request()
	r.Mode = Provisional
	return r
}

func wantCode(t *testing.T, err error, code Code) {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

// What is not all proved is signed provisionally, and says so where nobody can change it.
func TestSignProvisionally(t *testing.T) {
	var asked []store.Signature
	b, s := provisionalWorld(t, func(_ context.Context, _ store.Tx, sig store.Signature, evidence [][]byte) error {
		if len(evidence) != 1 {
			t.Errorf("%d envelopes", len(evidence))
		}
		asked = []store.Signature{sig} // the transaction may run twice
		return nil
	})
	strict := b.request()
	strict.PerBuild = true
	_, err := s.Sign(t.Context(), strict)
	wantCode(t, err, CodeGate)
	r := b.provisional()
	r.Commit = commit
	res, err := s.Sign(t.Context(), r)
	must(t, err)
	want := b.now.Add(time.Hour).Truncate(time.Second)
	sigs, _ := signatures(t, b.store)
	if len(sigs) != 1 || sigs[0].State != store.SignatureProvisional || !sigs[0].ConfirmBy.Equal(want) || sigs[0].Mode != store.SignatureModeProvisional || res.State != sigs[0].State {
		t.Fatalf("on record %+v", sigs)
	}
	if len(asked) != 1 || asked[0].ID != res.ID || len(b.asked) != 1 {
		t.Errorf("rebuilders were asked about %+v, the CA for %d certificates", asked, len(b.asked))
	}
	if got := confirmByOf(t, res.CMS); !got.Equal(want) {
		t.Errorf("the signature says %v", got)
	}
	if vsa := summaryOf(t, b.world, res.VSA); !vsa.ConfirmBy.Equal(want) || len(vsa.VerifiedLevels) != 0 {
		t.Errorf("%+v", vsa)
	}
	j, summary, err := s.Rejudge(t.Context(), sigs[0])
	if err != nil || j.Granted() || summary != nil || j.Refusal != nil || len(j.Decision.Verdicts) == 0 {
		t.Errorf("%+v %v", j, err)
	}
	if sigs[0].Commit != commit || slices.Contains(j.Decision.Failed(), "source.requested-commit") {
		t.Errorf("commit %q: %v", sigs[0].Commit, j.Decision.Failed())
	}
	other := sigs[0]
	other.Commit = strings.Repeat("ab", 20)
	if j, _, err := s.Rejudge(t.Context(), other); err != nil || !slices.Contains(j.Decision.Failed(), "source.requested-commit") {
		t.Errorf("of another commit than the request named: %v %v", j.Decision.Failed(), err)
	}
	raw, err := s.FailedSummary(t.Context(), sigs[0], nil)
	must(t, err)
	if vsa := summaryOf(t, b.world, raw); vsa.Result != attest.Failed || vsa.ResourceURI != vendorURI+"#app" {
		t.Errorf("%+v", vsa)
	}
	b.revokeBuilds(t)
	if j, _, err := s.Rejudge(t.Context(), sigs[0]); err != nil || j.Refusal == nil || j.Refusal.Code != CodeCertificate {
		t.Errorf("%+v %v", j, err)
	}
	_, err = s.Refresh(t.Context(), "vendor", res.ID, res.CMS)
	wantCode(t, err, CodeCertificate)
}

// A staple is renewed, with the summary that confirmed the signature, and nothing else.
func TestRefresh(t *testing.T) {
	b, s := provisionalWorld(t, nil)
	res, err := s.Sign(t.Context(), b.provisional())
	must(t, err)
	same, err := s.Refresh(t.Context(), "vendor", res.ID, res.CMS)
	must(t, err)
	if string(same) != string(res.CMS) {
		t.Error("nothing has changed, and the signature did")
	}
	b.update(t, func(tx store.Tx) error {
		return store.Summaries.Insert(tx, store.Summary{ID: store.NewID(b.now), Signature: res.ID, Vendor: "vendor", Passed: true, Envelope: []byte("confirmed"), At: b.now})
	})
	fresh, err := s.Refresh(t.Context(), "vendor", res.ID, res.CMS)
	must(t, err)
	if got := stapleOf(t, fresh); string(got.VSA) != "confirmed" || len(got.CRLs) != 1 {
		t.Errorf("%+v", got)
	}
	if string(stapleOf(t, same).VSA) != string(res.VSA) || !confirmByOf(t, fresh).Equal(res.ConfirmBy) {
		t.Error("more than the staple has changed")
	}
	for name, cms := range map[string][]byte{"nothing": nil, "garbage": []byte("x"), "a byte more": append(fresh[:len(fresh):len(fresh)], 0), "cut": fresh[:len(fresh)-1]} {
		_, err := s.Refresh(t.Context(), "vendor", res.ID, cms)
		if t.Logf("%s: %v", name, err); err == nil {
			t.Errorf("%s: accepted", name)
		}
		wantCode(t, err, CodeRequest)
	}
	other, err := s.Sign(t.Context(), b.provisional())
	must(t, err)
	for name, call := range map[string]func() ([]byte, error){
		"another signature's": func() ([]byte, error) { return s.Refresh(t.Context(), "vendor", res.ID, other.CMS) },
		"another vendor":      func() ([]byte, error) { return s.Refresh(t.Context(), "other", res.ID, res.CMS) },
		"no such signature":   func() ([]byte, error) { return s.Refresh(t.Context(), "vendor", "x", res.CMS) },
	} {
		_, err := call()
		t.Log(name)
		wantCode(t, err, CodeRequest)
	}
}

func TestProvisionalRefused(t *testing.T) {
	b, s := provisionalWorld(t, func(context.Context, store.Tx, store.Signature, [][]byte) error { return errBroken })
	if _, err := s.Sign(t.Context(), b.provisional()); !errors.Is(err, errBroken) {
		t.Errorf("%v", err)
	}
	if sigs, _ := signatures(t, b.store); len(sigs) != 0 {
		t.Error("a signature about which nobody was asked")
	}
	named := b.provisional()
	named.Certificate = b.serial
	_, err := s.Sign(t.Context(), named)
	wantCode(t, err, CodeRequest)
	odd := b.request()
	odd.Mode = "lenient"
	_, err = s.Sign(t.Context(), odd)
	wantCode(t, err, CodeRequest)
	_, err = buildService(t, b).Sign(t.Context(), b.provisional())
	wantCode(t, err, CodeRequest)
	clear(b.evidence)
	_, err = s.Sign(t.Context(), b.provisional())
	wantCode(t, err, CodeGate) // the basics are asked for
}

func unsignedInfo(t *testing.T, cms []byte) pkcs7.SignerInfo {
	t.Helper()
	psd, err := pkcs7.Unmarshal(cms)
	must(t, err)
	return psd.Content.SignerInfos[0]
}

func confirmByOf(t *testing.T, cms []byte) time.Time {
	t.Helper()
	info := unsignedInfo(t, cms)
	var raw asn1.RawValue
	must(t, info.AuthenticatedAttributes.GetOne(ext.DefaultArc().ConfirmBy(), &raw))
	at, err := ext.ParseConfirmBy(raw.FullBytes)
	must(t, err)
	return at
}

func stapleOf(t *testing.T, cms []byte) ext.Staple {
	t.Helper()
	info := unsignedInfo(t, cms)
	var raw asn1.RawValue
	must(t, info.UnauthenticatedAttributes.GetOne(ext.DefaultArc().Staple(), &raw))
	staple, err := ext.ParseStaple(raw.FullBytes)
	must(t, err)
	return staple
}

func summaryOf(t *testing.T, w *world, envelope []byte) attest.VSA {
	t.Helper()
	opened, err := attest.Open(envelope, w.vsa.Public())
	must(t, err)
	vsa, err := attest.ParseVSA(opened.Statement)
	must(t, err)
	return vsa
}
