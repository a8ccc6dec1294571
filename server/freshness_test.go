package server

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/distribution"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
	"github.com/hallmark-pki/hallmark/verify"
)

// status is the status bundle as a verifier opens it.
func (w *world) status() (verify.Status, []byte) {
	w.t.Helper()
	trust, err := verify.ParseTrust(w.do("", "GET", "/v1/trust", nil).body)
	if err != nil {
		w.t.Fatal(err)
	}
	raw := w.do("", "GET", "/v1/trust/status", nil).body
	status, err := verify.OpenStatus(raw, trust, time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return status, raw
}

// TestStatusBundle: the same until something happens; then a higher number.
func TestStatusBundle(t *testing.T) {
	w := newWorld(t)
	first, raw := w.status()
	if _, again := w.status(); string(again) != string(raw) {
		t.Error("nothing has happened, and the bundle is another")
	}
	if first.NextUpdate.Sub(first.IssuedAt) != statusValidity || len(first.Checkpoint) == 0 || len(first.Assessments) != 0 {
		t.Errorf("until %s, checkpoint %q, assessments %v", first.NextUpdate, first.Checkpoint, first.Assessments)
	}
	for i, der := range first.CRLs {
		if crl, err := x509.ParseRevocationList(der); err != nil || crl.NextUpdate.Before(first.NextUpdate) {
			t.Errorf("list %d ends before the bundle: %v", i, err)
		}
	}
	since := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	w.must("olga", "POST", "/v1/assessments/"+w.assessment+"/withdraw", api.Ending{Reason: "found out", Since: since}, nil)
	second, _ := w.status()
	want, err := hex.DecodeString(w.assessment)
	if err != nil {
		t.Fatal(err)
	}
	if len(second.Assessments) != 1 || string(second.Assessments[0].Assessment[:]) != string(want) ||
		second.Assessments[0].To != verify.Withdrawn || !second.Assessments[0].Effective.Equal(since) {
		t.Errorf("%+v", second.Assessments)
	}
	if err := second.Follows(first); err != nil || second.Number == first.Number {
		t.Error(second.Number, first.Number, err)
	}
	revoked := slices.ContainsFunc(second.CRLs, func(der []byte) bool {
		crl, err := x509.ParseRevocationList(der)
		return err == nil && len(crl.RevokedCertificateEntries) > 0
	})
	if !revoked {
		t.Error("what hung on it is not on a list")
	}
}

// TestTransitions: what each end of an assessment tells a verifier.
func TestTransitions(t *testing.T) {
	w := newWorld(t)
	now := time.Now().UTC().Truncate(time.Second)
	id := func(n byte) string { return hex.EncodeToString(append(make([]byte, 31), n)) }
	ended := func(n byte, state string, until time.Time, reason string) store.Assessment {
		return store.Assessment{ID: id(n), State: state, Vendor: "x", Auditor: "y", ValidUntil: until, EndedAt: now.Add(-time.Hour), IneffectiveAt: now.Add(-2 * time.Hour), ReopenedAt: now.Add(-3 * time.Hour), EndedReason: reason}
	}
	year := now.AddDate(1, 0, 0)
	err := w.store.Update(context.Background(), func(tx store.Tx) error {
		for _, rec := range []store.Assessment{
			ended(9, store.AssessmentWithdrawn, now.Add(-time.Minute), "cause"),
			ended(2, store.AssessmentLowered, year, "lowered by "+id(7)),
			ended(3, store.AssessmentLowered, year, "lowered by "+id(8)), // which is gone
			ended(4, store.AssessmentSuperseded, year, "superseded by "+id(7)),
			ended(5, store.AssessmentSuperseded, now.Add(-time.Minute), "superseded by "+id(7)),
			ended(6, store.AssessmentInReview, year, ""),
			ended(1, store.AssessmentExpired, now.Add(-time.Minute), ""),
			{ID: id(7), State: store.AssessmentInForce, Vendor: "x", Auditor: "y", Level: 2, ValidUntil: year},
		} {
			if err := store.Assessments.Put(tx, rec); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	status, _ := w.status()
	var got []string
	for _, x := range status.Assessments {
		got = append(got, fmt.Sprint(x.Assessment[31], " ", x.To, " ", x.Level, " ", now.Sub(x.Effective)))
	}
	want := []string{"2 lowered 2 1h0m0s", "3 lowered 0 1h0m0s", "4 superseded 0 1h0m0s", "6 in-review 0 3h0m0s", "9 withdrawn 0 2h0m0s"}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// TestStatusOfTenThousand: 10,000 live certificates over three tiers, one in a hundred
// revoked and a few assessments withdrawn, in less than 100 KB.
func TestStatusOfTenThousand(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	now := time.Now().UTC()
	tiers := w.server.CA.Tiers()
	const many, bundleBytes = 10000, 100_000
	for first := 0; first < many; first += 500 {
		err := w.store.Update(ctx, func(tx store.Tx) error {
			for n := first; n < first+500; n++ {
				serial := new(big.Int).Lsh(big.NewInt(1<<20+int64(n)), 64)
				serial.Add(serial, big.NewInt(int64(n))) // the last bytes say which shard
				tier := tiers[n%len(tiers)]
				cert := store.Certificate{Serial: serial.Text(16), Tier: tier, Issuer: tier, Vendor: "acme", SPKISHA256: fmt.Sprintf("%064x", n), NotBefore: now, NotAfter: now.AddDate(1, 0, 0), IssuedAt: now}
				if n%100 == 0 {
					cert.Revocation = &store.Revocation{At: now, RevocationDate: now, InvalidityDate: now.Add(-time.Hour), Reason: 9}
					// A list that is there already is made anew only for a revocation that it lacks.
					u := store.UnlistedRevocation{ID: cert.Serial + "/" + store.NewID(now), Issuer: tier, Serial: cert.Serial}
					if err := store.UnlistedRevocations.Insert(tx, u); err != nil {
						return err
					}
				}
				if err := store.Certificates.Put(tx, cert); err != nil {
					return err
				}
			}
			return store.Assessments.Put(tx, store.Assessment{ID: fmt.Sprintf("%064x", first), State: store.AssessmentWithdrawn, Vendor: "acme", Auditor: "quill", IneffectiveAt: now})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.server.CA.PublishCRLs(ctx); err != nil {
		t.Fatal(err)
	}
	status, raw := w.status()
	listed := 0
	for _, der := range status.CRLs {
		crl, err := x509.ParseRevocationList(der)
		if err != nil {
			t.Fatal(err)
		}
		listed += len(crl.RevokedCertificateEntries)
	}
	t.Logf("%d live certificates, %d lists, %d revoked, %d transitions: %d bytes", many-listed, len(status.CRLs), listed, len(status.Assessments), len(raw))
	if listed != many/100 || len(status.Assessments) != many/500 || len(raw) >= bundleBytes {
		t.Errorf("%d lists, %d revoked, %d bytes, want below %d", len(status.CRLs), listed, len(raw), bundleBytes)
	}
}

// TestRepositoryRoute: what is served is the repository and nothing else.
func TestRepositoryRoute(t *testing.T) {
	w := newWorld(t)
	get := func(name string) reply { return w.do("", "GET", repositoryPath+name, nil) }
	root := get("1.root.json")
	if root.status != http.StatusOK || get("timestamp.json").status != http.StatusOK {
		t.Fatal(root.status)
	}
	var state api.UpdateRepository
	w.must("", "GET", "/v1/trust/repository", nil, &state)
	if state.Fingerprint != distribution.Fingerprint(root.body) || state.RootVersion != 1 || state.URL != "https://ca.example.com/tuf" {
		t.Errorf("%+v", state)
	}
	for _, name := range []string{"2.root.json", "root.json", "0.root.json", "01.root.json", "", "targets/", "targets/x.trust.json", "..%2fstatus", "1.other.json"} {
		if got := get(name); got.status == http.StatusOK {
			t.Errorf("%q: %s", name, got.body)
		}
	}
	stamp := get("timestamp.json").body
	if again := get("timestamp.json").body; string(again) != string(stamp) {
		t.Error("another timestamp, and nothing has happened")
	}
	trust := w.do("", "GET", "/v1/trust", nil).body
	if again := w.do("", "GET", "/v1/trust", nil).body; string(again) != string(trust) {
		t.Error("the trust bundle is another each time")
	}
	w.must("acme", "POST", "/v1/certificates/"+w.certificate+"/revoke", api.NewRevocation{Reason: "keyCompromise"}, nil)
	if again := get("timestamp.json").body; string(again) == string(stamp) {
		t.Error("the same timestamp after a revocation")
	}
	files := 0
	err := w.store.View(context.Background(), func(r store.Reader) error {
		for f, err := range store.RepositoryFiles.All(r, "") {
			if err != nil {
				return err
			}
			if f.RetiredAt.IsZero() {
				files++
			}
		}
		return nil
	})
	if err != nil || files != 7 { // root, timestamp, snapshot, two lists, two bundles
		t.Errorf("%d files count: %v", files, err)
	}
}

// TestRetired: what nobody is led to any more stays for a while, then goes.
func TestRetired(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	now := time.Now().UTC().Truncate(time.Second)
	publish := func(n int, at time.Time) {
		t.Helper()
		step := distribution.Step{
			Files: []distribution.File{{Name: fmt.Sprintf("%d.snapshot.json", n), Body: []byte{byte(n)}}, {Name: distribution.Timestamp, Body: []byte{byte(n)}}},
			Keep:  []string{fmt.Sprintf("%d.snapshot.json", n), distribution.Timestamp},
		}
		var before []byte
		err := w.store.Update(ctx, func(tx store.Tx) (err error) {
			if before, err = readerOf(tx)(distribution.Timestamp); err != nil {
				return err
			}
			return writeStep(tx, step, before, at)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	has := func(name string) bool {
		f := w.do("", "GET", repositoryPath+name, nil)
		return f.status == http.StatusOK
	}
	publish(1, now)
	publish(2, now.Add(time.Minute))
	if !has("1.snapshot.json") || !has("2.snapshot.json") {
		t.Error("gone at once")
	}
	publish(3, now.Add(2*time.Minute+retiredKept))
	if has("1.snapshot.json") || !has("2.snapshot.json") || !has("3.snapshot.json") {
		t.Error("1 should be gone, 2 and 3 be there")
	}
	err := w.store.Update(ctx, func(tx store.Tx) error { return writeStep(tx, distribution.Step{}, []byte("older"), now) })
	if err == nil {
		t.Error("a step made from another timestamp was written")
	}
}

// TestDistributeAtOnce: many who ask at once, right after something has happened, get one
// and the same state.
func TestDistributeAtOnce(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	if err := w.server.Distribute(ctx); err != nil {
		t.Fatal(err)
	}
	w.must("acme", "POST", "/v1/certificates/"+w.certificate+"/revoke", api.NewRevocation{Reason: "keyCompromise"}, nil)
	failed := make(chan error, 8)
	for range cap(failed) {
		go func() { failed <- w.server.Distribute(ctx) }()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if _, again := w.status(); len(again) == 0 {
		t.Error("no status bundle")
	}
}

// TestDistributeOnAFailingStore: whatever write fails, what is served is a whole state,
// and the next try publishes the news under a higher number.
// TestDistributeNothingOlder: who has read the status before a revocation, and publishes
// after somebody else has published that, takes nothing back.
func TestDistributeNothingOlder(t *testing.T) {
	w := newWorld(t)
	older, err := w.server.currentStatus(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.must("acme", "POST", "/v1/certificates/"+w.certificate+"/revoke", api.NewRevocation{Reason: "keyCompromise"}, nil)
	if err := w.server.Distribute(t.Context()); err != nil {
		t.Fatal(err)
	}
	published := func() (timestamp string) {
		err := w.store.View(t.Context(), func(r store.Reader) error {
			f, err := store.RepositoryFiles.Get(r, distribution.Timestamp)
			timestamp = string(f.Body)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return timestamp
	}
	before := published()
	if err := w.server.distributeStatus(t.Context(), older); !errors.Is(err, errOvertaken) {
		t.Errorf("%v", err)
	}
	if published() != before {
		t.Error("the older status was published again")
	}
}

func TestDistributeOnAFailingStore(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	if err := w.server.Distribute(ctx); err != nil {
		t.Fatal(err)
	}
	before, _ := w.status()
	w.must("acme", "POST", "/v1/certificates/"+w.certificate+"/revoke", api.NewRevocation{Reason: "keyCompromise"}, nil)
	stamp := func() string {
		t.Helper()
		var body []byte
		err := w.store.View(ctx, func(r store.Reader) (err error) {
			body, err = readerOf(r)(distribution.Timestamp)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	old, good := stamp(), w.server.Store
	fired := 0
	for n := 1; ; n++ {
		faulty := storetest.FailWrite(w.store, n)
		w.server.Store = faulty
		err := w.server.Distribute(ctx)
		if !faulty.Fired() {
			if err != nil {
				t.Fatal(err)
			}
			break
		}
		fired++
		if err == nil {
			t.Fatalf("%s: not reported", faulty.Fault())
		}
		if stamp() != old {
			t.Fatalf("%s: half a state is published", faulty.Fault())
		}
	}
	w.server.Store = good
	after, _ := w.status()
	if fired < 3 || stamp() == old || after.Number <= before.Number {
		t.Errorf("%d faults, number %d after %d", fired, after.Number, before.Number)
	}
}
