package sign

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

// fakeRelease answers as it is told, and notes what it was asked.
type fakeRelease struct {
	permit, use error
	serial      string
	permits     int
	uses        []store.Signature
}

func (f *fakeRelease) Permit(_ store.Reader, _ Request, serial string, _ time.Time) error {
	f.permits++
	f.serial = serial
	return f.permit
}

func (f *fakeRelease) Use(_ store.Tx, _ Request, s store.Signature) (string, error) {
	f.uses = append(f.uses, s)
	return "approval-1", f.use
}

func (w *world) released(t *testing.T, f *fakeRelease) *Service {
	t.Helper()
	s := w.service(t)
	s.c.Release = f
	return s
}

// The vendor's own rules come before the gate, and once more with the record.
func TestRelease(t *testing.T) {
	w, f := newWorld(t), &fakeRelease{}
	res, err := w.released(t, f).Sign(t.Context(), w.request())
	must(t, err)
	sigs, _ := signatures(t, w.store)
	if f.permits != 1 || f.serial != w.serial || len(f.uses) == 0 || f.uses[0].ID != res.ID || len(sigs) != 1 || sigs[0].Approval != "approval-1" {
		t.Errorf("asked %+v, recorded %+v", f, sigs)
	}
}

// A no by the vendor's rules leaves no signature, whatever the gate would say, and a yes
// is none of the gate's.
func TestReleaseRefuses(t *testing.T) {
	for name, f := range map[string]*fakeRelease{
		"before": {permit: refuse(CodeApproval, "", "nobody agreed")},
		"after":  {use: refuse(CodeApproval, "", "somebody was faster")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.released(t, f).Sign(t.Context(), w.request())
			wantRefusal(t, err, CodeApproval)
			sigs, events := signatures(t, w.store)
			if len(sigs) != 0 || len(entries(t, w.store)) != 0 {
				t.Errorf("on record %+v", sigs)
			}
			if name == "before" && (len(events) != 1 || events[0].Action != actionNotPermitted || events[0].Detail["reason"] != string(CodeApproval)) {
				t.Errorf("events %+v", events)
			}
		})
	}
	w := newWorld(t)
	w.evidence = fakeEvidence{}
	_, err := w.released(t, &fakeRelease{}).Sign(t.Context(), w.request())
	wantRefusal(t, err, CodeGate)
}

func wantRefusal(t *testing.T, err error, want Code) {
	t.Helper()
	var r *Refusal
	if !errors.As(err, &r) || r.Code != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// entries are what waits for the log.
func entries(t testing.TB, d storetest.Driver) (out []receipt.Entry) {
	t.Helper()
	must(t, d.View(context.Background(), func(r store.Reader) error {
		for rec, err := range store.LedgerEntries.All(r, "") {
			must(t, err)
			e, err := receipt.ParseEntry(rec.Entry)
			must(t, err)
			out = append(out, e)
		}
		return nil
	}))
	return out
}

// Each use of a key waits for the log in the transaction of its record. The entry names
// neither the vendor nor what was signed; who has the salts can tell.
func TestSignatureIsLogged(t *testing.T) {
	w := newWorld(t)
	s := w.service(t)
	for range 2 {
		_, err := s.Sign(t.Context(), w.request())
		must(t, err)
	}
	sigs, _ := signatures(t, w.store)
	got := entries(t, w.store)
	if len(got) != 2 || len(sigs) != 2 || got[0].Signer != got[1].Signer || got[0].Commitment == got[1].Commitment {
		t.Fatalf("%d signatures, entries %+v", len(sigs), got)
	}
	var vendor store.Vendor
	must(t, w.store.View(t.Context(), func(r store.Reader) (err error) { vendor, err = store.Vendors.Get(r, "vendor"); return err }))
	for _, e := range got {
		opened := slices.ContainsFunc(sigs, func(s store.Signature) bool { return receipt.Opens(e.Commitment, s.LogSalt, SignatureText(s)) })
		if e.Type != receipt.SignatureMade || !receipt.Opens(e.Signer, vendor.LogSalt, "vendor") || !opened {
			t.Errorf("entry %+v of %+v", e, sigs)
		}
	}
}
