package doctor

import (
	"context"
	"crypto/ed25519"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// ward is a CA whose parts a test can put at odds.
type ward struct {
	store   storetest.Driver
	log     fakeLog
	intents fakeIssuer
	files   fakeFiles
}

type fakeLog struct {
	entries []receipt.Entry
	signed  []receipt.Entry // what the checkpoint covers, where that is something else
}

// Checkpoint signs the root of the entries.
func (l *fakeLog) Checkpoint(context.Context) ([]byte, error) {
	signer, _, err := ledger.NewSigner("log.example/test", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		return nil, err
	}
	tree := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	covered := l.entries
	if l.signed != nil {
		covered = l.signed
	}
	for _, e := range covered {
		raw, err := e.Marshal()
		if err != nil {
			return nil, err
		}
		if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(raw), nil); err != nil {
			return nil, err
		}
	}
	root := rfc6962.DefaultHasher.EmptyRoot()
	if len(covered) > 0 {
		if root, err = tree.GetRootHash(nil); err != nil {
			return nil, err
		}
	}
	return note.Sign(&note.Note{Text: string(log.Checkpoint{Origin: signer.Name(), Size: uint64(len(covered)), Hash: root}.Marshal())}, signer)
}

func (l *fakeLog) Size(context.Context) (uint64, error) { return uint64(len(l.entries)), nil }

func (l *fakeLog) Entries(_ context.Context, from uint64) iter.Seq2[ledger.Indexed, error] {
	return func(yield func(ledger.Indexed, error) bool) {
		for i, e := range l.entries[from:] {
			if !yield(ledger.Indexed{Index: from + uint64(i), Entry: e}, nil) {
				return
			}
		}
	}
}

type fakeIssuer []store.Intent

func (f *fakeIssuer) Leftovers(context.Context, time.Duration) ([]store.Intent, error) {
	return *f, nil
}

type fakeFiles []string

func (f *fakeFiles) Has(sha256 string) (bool, error) { return slices.Contains(*f, sha256), nil }

func (f *fakeFiles) All() iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, s := range *f {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func (w *ward) put(t *testing.T, fn func(tx store.Tx) error) {
	t.Helper()
	if err := w.store.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// examine lists findings as "severity about".
func (w *ward) examine(t *testing.T) []string {
	t.Helper()
	list := []string{}
	err := Examine(t.Context(), Patient{Store: w.store, Log: &w.log, LogKey: logKey(t), CA: &w.intents, Evidence: &w.files}, func(f Finding) {
		if f.Detail == "" {
			t.Errorf("%s without a detail", f.About)
		}
		list = append(list, string(f.Severity)+" "+f.About)
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

func logKey(t *testing.T) note.Verifier {
	t.Helper()
	_, vkey, err := ledger.NewSigner("log.example/test", ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

// entryAt is an entry of its own for each second.
func entryAt(second int) receipt.Entry {
	return receipt.Entry{Type: receipt.AuditorKey, At: noon.Add(time.Duration(second) * time.Second), Auditor: strings.Repeat("a", 64), AuditorSPKI: strings.Repeat("b", 64)}
}

func (w *ward) logged(t *testing.T, about string, e receipt.Entry, index uint64) {
	t.Helper()
	w.put(t, func(tx store.Tx) error { return queue.Logged(tx, about, e, index, noon) })
}

func (w *ward) waiting(t *testing.T, about string, e receipt.Entry) {
	t.Helper()
	w.put(t, func(tx store.Tx) error { return queue.Put(tx, about, e) })
}

// TestExamine puts one thing at odds in each case, and sees that and nothing else.
func TestExamine(t *testing.T) {
	serial := "00ff"
	for name, c := range map[string]struct {
		make func(t *testing.T, w *ward)
		want []string
	}{
		"nothing": {func(*testing.T, *ward) {}, []string{}},
		"entry on record and in the log": {func(t *testing.T, w *ward) {
			w.log.entries = []receipt.Entry{entryAt(0)}
			w.logged(t, "quill", entryAt(0), 0)
		}, []string{}},
		"logged twice": {func(t *testing.T, w *ward) {
			w.log.entries = []receipt.Entry{entryAt(0), entryAt(0), entryAt(0)}
			w.logged(t, "quill", entryAt(0), 2)
		}, []string{"note ledger entry of quill"}},
		"logged, and the record still waits": {func(t *testing.T, w *ward) {
			w.log.entries = []receipt.Entry{entryAt(0)}
			w.waiting(t, "quill", entryAt(0))
		}, []string{"note ledger entry of quill"}},
		"two wait": {func(t *testing.T, w *ward) {
			w.waiting(t, "quill", entryAt(0))
			w.waiting(t, "ada", entryAt(1))
		}, []string{"note ledger queue"}},
		"unexplained entry": {func(t *testing.T, w *ward) {
			w.log.entries = []receipt.Entry{entryAt(0), entryAt(1)}
			w.logged(t, "quill", entryAt(0), 0)
		}, []string{"problem ledger entry 1"}},
		"log is an old copy": {func(t *testing.T, w *ward) { w.logged(t, "quill", entryAt(0), 7) }, []string{"problem ledger entry of quill"}},
		"other entries than were signed": {func(t *testing.T, w *ward) {
			w.log.entries, w.log.signed = []receipt.Entry{entryAt(0)}, []receipt.Entry{entryAt(1)}
			w.logged(t, "quill", entryAt(0), 0)
		}, []string{"problem ledger"}},
		"another entry at its place": {func(t *testing.T, w *ward) {
			w.log.entries = []receipt.Entry{entryAt(1)}
			w.logged(t, "quill", entryAt(0), 0)
		}, []string{"problem ledger entry 0", "problem ledger entry of quill"}},
		"acceptance under way": {func(t *testing.T, w *ward) {
			rec := accepting()
			w.log.entries = []receipt.Entry{audit.AcceptanceEntry(rec, "https://acme.example")}
			w.put(t, func(tx store.Tx) error {
				return errors.Join(store.Vendors.Put(tx, store.Vendor{ID: "acme", URI: "https://acme.example"}), store.Assessments.Put(tx, rec))
			})
		}, []string{"note assessment " + accepting().ID}},
		"in force without a receipt": {func(t *testing.T, w *ward) {
			rec := accepting()
			rec.State = store.AssessmentInForce
			w.put(t, func(tx store.Tx) error { return store.Assessments.Put(tx, rec) })
		}, []string{"problem assessment " + accepting().ID, "problem assessment " + accepting().ID}},
		"certificate that was never logged": {func(t *testing.T, w *ward) {
			w.put(t, func(tx store.Tx) error { return putAnnounced(tx, certificate(serial)) })
		}, []string{"problem certificate 00ff"}},
		"certificate that was never announced": {func(t *testing.T, w *ward) {
			w.issued(t, serial)
			w.put(t, func(tx store.Tx) error { return store.Certificates.Put(tx, certificate(serial)) })
		}, []string{"problem certificate 00ff"}},
		"certificate other than announced": {func(t *testing.T, w *ward) {
			w.issued(t, serial)
			w.put(t, func(tx store.Tx) error {
				cert := certificate(serial)
				cert.DER = []byte{0x30, 9, 0x30, 2, 5, 0, 0x30, 0, 3, 1, 0}
				return errors.Join(store.Intents.Put(tx, announced(serial)), store.Certificates.Put(tx, cert))
			})
		}, []string{"problem certificate 00ff"}},
		"leftover, revoked": {func(t *testing.T, w *ward) {
			w.put(t, func(tx store.Tx) error {
				cert := certificate(serial)
				cert.Leftover, cert.Revocation = true, &store.Revocation{At: noon}
				return putAnnounced(tx, cert)
			})
			e := receipt.Entry{Type: receipt.CertificateRevoked, At: noon, Certificate: strings.Repeat("c", 64), Serial: serial, Tier: "high",
				Vendor: "https://acme.example", Effective: noon}
			w.log.entries = []receipt.Entry{e}
			w.logged(t, serial, e, 0)
		}, []string{}},
		"leftover, not revoked": {func(t *testing.T, w *ward) {
			w.put(t, func(tx store.Tx) error {
				cert := certificate(serial)
				cert.Leftover = true
				return putAnnounced(tx, cert)
			})
		}, []string{"problem certificate 00ff"}},
		"for one build, and no signature": {func(t *testing.T, w *ward) {
			w.issued(t, serial)
			w.put(t, func(tx store.Tx) error { return putAnnounced(tx, forBuild(serial)) })
		}, []string{"note certificate 00ff"}},
		"for one build, and signed with": {func(t *testing.T, w *ward) {
			w.issued(t, serial)
			w.put(t, func(tx store.Tx) error {
				return errors.Join(putAnnounced(tx, forBuild(serial)), store.Signatures.Put(tx, store.Signature{ID: "1", Vendor: "acme", Serial: serial, At: noon}))
			})
		}, []string{}},
		"revocation that was never logged": {func(t *testing.T, w *ward) {
			w.issued(t, serial)
			w.put(t, func(tx store.Tx) error {
				cert := certificate(serial)
				cert.Revocation = &store.Revocation{At: noon}
				return putAnnounced(tx, cert)
			})
		}, []string{"problem certificate 00ff"}},
		"intent without a certificate": {func(_ *testing.T, w *ward) { w.intents = fakeIssuer{{Serial: serial, Vendor: "acme", At: noon}} }, []string{"note intent 00ff"}},
		"file that no record names":    {func(_ *testing.T, w *ward) { w.files = fakeFiles{"aa"} }, []string{"note evidence aa"}},
		"record whose file is gone": {func(t *testing.T, w *ward) {
			w.put(t, func(tx store.Tx) error {
				return store.EvidenceFiles.Put(tx, store.Evidence{Assessment: "x", SHA256: "bb", By: "quill", At: noon})
			})
		}, []string{"problem evidence bb"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &ward{store: storetest.NewMemory()}
			c.make(t, w)
			if diff := cmp.Diff(c.want, w.examine(t)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func accepting() store.Assessment {
	return store.Assessment{
		ID: strings.Repeat("e", 64), State: store.AssessmentAccepting, Vendor: "acme", Framework: "slsa-v0.1", FrameworkURI: "https://slsa.dev/spec/v0.1/",
		Track: "slsa", Level: 3, LevelID: "SLSA_LEVEL_3", Auditor: "quill", AuditorSPKI: strings.Repeat("f", 64), AcceptedAt: noon, AcceptedBy: "olga",
		AssessedAt: noon, ValidUntil: noon.AddDate(1, 0, 0),
	}
}

// certificate has the outer shape of one: empty content, algorithm and signature.
func certificate(serial string) store.Certificate {
	return store.Certificate{Serial: serial, Tier: "high", Vendor: "acme", DER: []byte{0x30, 7, 0x30, 0, 0x30, 0, 3, 1, 0}, SPKISHA256: strings.Repeat("1", 64), NotAfter: noon}
}

// forBuild is a certificate for one build that counts for a thousand years.
func forBuild(serial string) store.Certificate {
	cert := certificate(serial)
	cert.Build, cert.NotAfter = "sha256:"+strings.Repeat("1", 64), noon.AddDate(1000, 0, 0)
	return cert
}

// announced is the intent of certificate.
func announced(serial string) store.Intent {
	return store.Intent{Serial: serial, Tier: "high", Vendor: "acme", TBS: []byte{0x30, 0}, Way: "api", At: noon}
}

func putAnnounced(tx store.Tx, cert store.Certificate) error {
	return errors.Join(store.Intents.Put(tx, announced(cert.Serial)), store.Certificates.Put(tx, cert))
}

// issued has the issuance of a certificate logged.
func (w *ward) issued(t *testing.T, serial string) {
	t.Helper()
	e := receipt.Entry{
		Type: receipt.CertificateIssued, At: noon, Certificate: strings.Repeat("c", 64), Serial: serial, Tier: "high",
		Vendor: "https://acme.example", Assessments: []string{strings.Repeat("d", 64)}, Until: noon,
	}
	w.log.entries = []receipt.Entry{e}
	w.logged(t, serial, e, 0)
}
