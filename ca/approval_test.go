package ca

import (
	"context"
	"crypto"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/keys/attestation"
	"github.com/hallmark-pki/hallmark/keys/attestation/attestationtest"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/store"
)

// newHighFixture has a vendor acme whose claims only tier high certifies, and a second
// officer, otto.
func newHighFixture(t testing.TB) *fixture {
	t.Helper()
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 4, year)
	f.person(store.Person{ID: "otto", Role: "officer", Organization: "Example Trust Services"})
	return f
}

func (f *fixture) person(p store.Person) {
	f.t.Helper()
	f.update(func(tx store.Tx) error { return store.People.Put(tx, p) })
}

func (f *fixture) change(id string, fn func(*store.CertificateRequest)) {
	f.t.Helper()
	f.update(func(tx store.Tx) error {
		rec, err := store.CertificateRequests.Get(tx, id)
		if err != nil {
			return err
		}
		fn(&rec)
		return store.CertificateRequests.Put(tx, rec)
	})
}

func (f *fixture) request(id string) (rec store.CertificateRequest) {
	f.t.Helper()
	f.view(func(r store.Reader) (err error) { rec, err = store.CertificateRequests.Get(r, id); return err })
	return rec
}

func (f *fixture) highRequest(pub crypto.PublicKey) Request {
	return Request{Vendor: "acme", PublicKey: pub, By: "alice", Way: "api"}
}

func TestApprovedRequestIsIssuedOnce(t *testing.T) {
	f := newHighFixture(t)
	ctx := context.Background()
	req := f.highRequest(newKey(t).Public())
	_, err := f.ca.Issue(ctx, req)
	wantRefusal(t, err, CodeApprovalRequired)
	asked := f.requested(req)
	if asked.State != store.RequestPending || asked.Tier != "high" || len(asked.Claims) != 1 || asked.Claims[0].Level != 4 || asked.Profile != "code-signing" {
		t.Fatalf("%+v", asked)
	}
	if again := f.requested(req); again.ID != asked.ID {
		t.Errorf("asking again made request %s beside %s", again.ID, asked.ID)
	}
	_, err = f.ca.Collect(ctx, asked.ID, "acme", "alice")
	wantRefusal(t, err, CodeApprovalPending)
	f.clock.Add(time.Hour)
	approved, err := f.ca.Approve(ctx, asked.ID, "otto", "called them", "no reader at the customer's")
	if err != nil {
		t.Fatal(err)
	}
	if !approved.ExpiresAt.Equal(noon.Add(time.Hour+collectTime)) || approved.DecidedBy != "otto" {
		t.Errorf("%+v", approved)
	}
	if same, err := f.ca.Approve(ctx, asked.ID, "otto", "called them", "no reader at the customer's"); err != nil || same.State != store.RequestApproved {
		t.Errorf("the same decision again: %+v, %v", same, err)
	}
	_, err = f.ca.Collect(ctx, asked.ID, "beta", "bert")
	wantRefusal(t, err, CodeUnknownRequest)
	issued, err := f.ca.Collect(ctx, asked.ID, "acme", "alice")
	if err != nil {
		t.Fatal(err)
	}
	if issued.Record.Request != asked.ID || issued.Record.Tier != "high" || issued.Record.Profile != "code-signing" {
		t.Errorf("%+v", issued.Record)
	}
	if rec := f.request(asked.ID); rec.State != store.RequestIssued || rec.Certificate != issued.Record.Serial || rec.IssuedAt.IsZero() {
		t.Errorf("%+v", rec)
	}
	again, err := f.ca.Collect(ctx, asked.ID, "acme", "alice")
	if err != nil || again.Record.Serial != issued.Record.Serial || len(again.Chain) != 1 {
		t.Errorf("collected again: %+v, %v", again.Record, err)
	}
	if n := len(f.certificates()); n != 1 {
		t.Errorf("%d certificates on one approval", n)
	}
	f.wantTold(t, asked.ID, "request.pending", "request.approved")
	f.wantEvents(t, asked.ID, "request.certificate", "approve.request")
}

// wantTold demands notices about a request, of these types and documented.
func (f *fixture) wantTold(t *testing.T, id string, types ...string) {
	t.Helper()
	told := map[string]bool{}
	f.view(func(r store.Reader) error {
		for n, err := range store.Notices.All(r, "") {
			if err != nil {
				return err
			}
			if !strings.HasPrefix(n.Type, "request.") {
				continue
			}
			if err := notify.CheckDocumented(n); err != nil {
				t.Error(err)
			}
			var data map[string]string
			if err := json.Unmarshal(n.Body, &data); err != nil || data["request"] != id {
				t.Errorf("%s tells of %v: %v", n.ID, data, err)
			}
			told[n.Type] = true
		}
		return nil
	})
	for _, typ := range types {
		if !told[typ] {
			t.Errorf("not told of %s", typ)
		}
		delete(told, typ)
	}
	if len(told) > 0 {
		t.Errorf("told of %v as well", told)
	}
}

func (f *fixture) wantEvents(t *testing.T, object string, actions ...string) {
	t.Helper()
	var got []string
	f.view(func(r store.Reader) error {
		got = nil
		for e, err := range store.Events.All(r, "") {
			if err != nil {
				return err
			}
			if e.Object == object {
				got = append(got, e.Action)
			}
		}
		return nil
	})
	slices.Sort(got) // events of one instant stand in any order
	slices.Sort(actions)
	if !slices.Equal(got, actions) {
		t.Errorf("events %v, want %v", got, actions)
	}
}

// TestApprovalMustCover takes an approval that is good and breaks one thing.
func TestApprovalMustCover(t *testing.T) {
	set := func(change func(*store.CertificateRequest)) func(*fixture, *Request) {
		return func(f *fixture, req *Request) { f.change(req.Approval, change) }
	}
	otto := store.Person{ID: "otto", Role: "officer", Organization: "Example Trust Services"}
	for name, c := range map[string]struct {
		want  Code
		spoil func(*fixture, *Request)
	}{
		"good":     {"", nil},
		"narrower": {"", func(_ *fixture, r *Request) { r.Validity = time.Hour }},
		"none": {CodeApprovalRequired, func(f *fixture, r *Request) {
			f.change(r.Approval, func(q *store.CertificateRequest) { q.State = store.RequestPending })
			r.Approval = ""
		}},
		"unknown":            {CodeUnknownRequest, func(_ *fixture, r *Request) { r.Approval = "20260601T120000.000000000Z-0000000000000000" }},
		"another key":        {CodeApprovalKey, func(f *fixture, r *Request) { r.PublicKey = newKey(f.t).Public() }},
		"another key, by it": {CodeApprovalRequired, func(f *fixture, r *Request) { r.PublicKey = newKey(f.t).Public(); r.Approval = "" }},
		"another vendor":     {CodeApprovalVendor, func(f *fixture, r *Request) { f.assess("beta", "slsa-v0.1", "slsa", 4, year); r.Vendor = "beta" }},
		"wider claims":       {CodeApprovalClaims, func(f *fixture, r *Request) { f.assess("acme", "slsa-v1.2", "source", 2, year); r.Claims = nil }},
		"a higher level":     {CodeApprovalClaims, set(func(q *store.CertificateRequest) { q.Claims[0].Level = 3 })},
		"another profile":    {CodeApprovalClaims, func(_ *fixture, r *Request) { r.Profile = "short-lived" }},
		"a longer life":      {CodeApprovalClaims, set(func(q *store.CertificateRequest) { q.Validity = time.Hour })},
		"not as a renewal":   {CodeApprovalClaims, set(func(q *store.CertificateRequest) { q.Replaces = "7f01" })},
		"pending":            {CodeApprovalPending, set(func(q *store.CertificateRequest) { q.State = store.RequestPending })},
		"denied":             {CodeApprovalDenied, func(f *fixture, r *Request) { f.deny(r.Approval) }},
		"expired":            {CodeApprovalExpired, func(f *fixture, _ *Request) { f.clock.Add(collectTime) }},
		"used":               {CodeApprovalUsed, func(f *fixture, r *Request) { f.collect(r.Approval) }},
		"approver disabled": {CodeApprover, func(f *fixture, _ *Request) {
			gone := otto
			gone.DisabledAt = f.clock.Now()
			f.person(gone)
		}},
		"approver no officer": {CodeApprover, func(f *fixture, _ *Request) {
			reader := otto
			reader.Role = "reader"
			f.person(reader)
		}},
		"approver's organisation owns the vendor": {CodeApprover, func(f *fixture, _ *Request) {
			f.update(func(tx store.Tx) error {
				v, err := store.Vendors.Get(tx, "acme")
				v.Owners = []string{"Example Trust Services"}
				if err != nil {
					return err
				}
				return store.Vendors.Put(tx, v)
			})
		}},
		"no waiver, no attestation": {CodeHardwareKeyRequired, set(func(q *store.CertificateRequest) { q.Waiver = "" })},
		"assessment withdrawn":      {CodeNoAssessment, func(f *fixture, _ *Request) { f.withdrawAll("acme") }},
		"vendor suspended":          {CodeVendorSuspended, func(f *fixture, _ *Request) { f.suspend("acme") }},
	} {
		t.Run(name, func(t *testing.T) {
			f := newHighFixture(t)
			req := f.highRequest(newKey(t).Public())
			req.Claims = []Wanted{{Framework: "slsa-v0.1", Level: 4}}
			asked := f.requested(req)
			if _, err := f.ca.Approve(t.Context(), asked.ID, "otto", "", "a test has no hardware"); err != nil {
				t.Fatal(err)
			}
			req.Approval = asked.ID
			if c.spoil != nil {
				c.spoil(f, &req)
			}
			before := len(f.certificates())
			_, err := f.ca.Issue(t.Context(), req)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantRefusal(t, err, c.want)
			if n := len(f.certificates()); n != before {
				t.Errorf("%d certificates on record, %d before", n, before)
			}
		})
	}
}

func (f *fixture) deny(id string) {
	f.t.Helper()
	if _, err := f.ca.Deny(context.Background(), id, "olga", "not them"); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) collect(id string) Issued {
	f.t.Helper()
	issued, err := f.ca.Collect(context.Background(), id, "acme", "alice")
	if err != nil {
		f.t.Fatal(err)
	}
	return issued
}

// TestApprovalByKey: a way in that has no field for an approval finds it by the key.
func TestApprovalByKey(t *testing.T) {
	f := newHighFixture(t)
	req := f.highRequest(newKey(t).Public())
	rec := f.approved(req)
	req.Way = "step"
	issued, err := f.ca.Issue(t.Context(), req)
	if err != nil || issued.Record.Request != rec.ID {
		t.Fatalf("%+v, %v", issued.Record, err)
	}
	_, err = f.ca.Issue(t.Context(), req)
	wantRefusal(t, err, CodeApprovalRequired)
}

// TestApprovalSpentOnce: of many who collect at the same moment one gets a certificate,
// and what else was signed is on record as revoked.
func TestApprovalSpentOnce(t *testing.T) {
	f := newHighFixture(t)
	req := f.highRequest(newKey(t).Public())
	req.Approval = f.approved(req).ID
	const clients = 8
	// All pass the gate before any is recorded; the signatures after those are lists'.
	var gate sync.WaitGroup
	var signatures atomic.Int64
	gate.Add(clients)
	hook(f.ca, func([]byte) {
		if signatures.Add(1) <= clients {
			gate.Done()
			gate.Wait()
		}
	})
	var done sync.WaitGroup
	errs := make(chan error, clients)
	for range clients {
		done.Go(func() {
			_, err := f.ca.Issue(context.Background(), req)
			errs <- err
		})
	}
	done.Wait()
	close(errs)
	given := 0
	for err := range errs {
		if err == nil {
			given++
			continue
		}
		wantRefusal(t, err, CodeApprovalUsed)
	}
	valid := 0
	for _, c := range f.certificates() {
		if c.Revocation == nil {
			valid++
		}
	}
	if given != 1 || valid != 1 {
		t.Errorf("%d given, %d valid on record", given, valid)
	}
}

func TestApproveAndDenyRefuse(t *testing.T) {
	ctx := context.Background()
	approve := func(f *fixture, id, by, waiver string) error {
		_, err := f.ca.Approve(ctx, id, by, "", waiver)
		return err
	}
	deny := func(f *fixture, id, by, reason string) error {
		_, err := f.ca.Deny(ctx, id, by, reason)
		return err
	}
	for name, c := range map[string]struct {
		want Code
		do   func(*fixture, string) error
	}{
		"unknown":             {CodeUnknownRequest, func(f *fixture, _ string) error { return approve(f, "x", "olga", "w") }},
		"no hardware":         {CodeHardwareKeyRequired, func(f *fixture, id string) error { return approve(f, id, "olga", "") }},
		"after denial":        {CodeRequestState, func(f *fixture, id string) error { f.deny(id); return approve(f, id, "olga", "w") }},
		"after a month":       {CodeApprovalExpired, func(f *fixture, id string) error { f.clock.Add(pendingTime); return approve(f, id, "olga", "w") }},
		"long waiver":         {CodeBadRequest, func(f *fixture, id string) error { return approve(f, id, "olga", strings.Repeat("x", maxNote+1)) }},
		"control character":   {CodeBadRequest, func(f *fixture, id string) error { return approve(f, id, "olga", "a\x1b[2J") }},
		"denied for nothing":  {CodeBadRequest, func(f *fixture, id string) error { return deny(f, id, "olga", "") }},
		"denied unknown":      {CodeUnknownRequest, func(f *fixture, _ string) error { return deny(f, "x", "olga", "r") }},
		"denied after use":    {CodeRequestState, func(f *fixture, id string) error { mustApprove(f, id); f.collect(id); return deny(f, id, "olga", "r") }},
		"denied after a time": {CodeApprovalExpired, func(f *fixture, id string) error { f.clock.Add(pendingTime); return deny(f, id, "olga", "r") }},
	} {
		f := newHighFixture(t)
		asked := f.requested(f.highRequest(newKey(t).Public()))
		t.Run(name, func(t *testing.T) { wantRefusal(t, c.do(f, asked.ID), c.want) })
	}
	for by, want := range map[string]audit.Code{"alice": audit.CodeOfficer, "quill": audit.CodeOfficer, "nobody": audit.CodeOfficer, "gone": audit.CodeOfficer, "cousin": audit.CodeConflict, "owner": audit.CodeConflict} {
		f := newHighFixture(t)
		f.person(store.Person{ID: "gone", Role: "officer", Organization: "Example Trust Services", DisabledAt: noon})
		f.person(store.Person{ID: "cousin", Role: "officer", Organization: "ACME ltd"})
		f.person(store.Person{ID: "owner", Role: "officer", Organization: "Acme Holding"})
		f.update(func(tx store.Tx) error {
			v, err := store.Vendors.Get(tx, "acme")
			if err != nil {
				return err
			}
			v.Owners = []string{"Acme Holding"}
			return store.Vendors.Put(tx, v)
		})
		asked := f.requested(f.highRequest(newKey(t).Public()))
		for what, err := range map[string]error{"approve": approve(f, asked.ID, by, "w"), "deny": deny(f, asked.ID, by, "r")} {
			if code, ok := audit.IsRefusal(err); !ok || code != want {
				t.Errorf("%s by %s: %v, want %s", what, by, err, want)
			}
		}
		if got := f.request(asked.ID); got.State != store.RequestPending || got.DecidedBy != "" {
			t.Errorf("%s changed it: %+v", by, got)
		}
	}
}

func mustApprove(f *fixture, id string) {
	f.t.Helper()
	if _, err := f.ca.Approve(context.Background(), id, "olga", "", "a test has no hardware"); err != nil {
		f.t.Fatal(err)
	}
}

// TestDenyTakesAnApprovalBack: until it is used.
func TestDenyTakesAnApprovalBack(t *testing.T) {
	f := newHighFixture(t)
	rec := f.approved(f.highRequest(newKey(t).Public()))
	f.clock.Add(time.Hour)
	f.deny(rec.ID)
	f.deny(rec.ID)
	_, err := f.ca.Collect(t.Context(), rec.ID, "acme", "alice")
	wantRefusal(t, err, CodeApprovalDenied)
	f.wantTold(t, rec.ID, "request.pending", "request.approved", "request.denied")
	f.wantEvents(t, rec.ID, "request.certificate", "approve.request", "deny.request")
}

func TestRequestApprovalRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		want Code
		edit func(*fixture, *Request)
	}{
		"a tier that asks nobody": {CodeBadRequest, func(_ *fixture, r *Request) { r.Claims = []Wanted{{Framework: "slsa-v0.1", Level: 3}} }},
		"no assessment":           {CodeNoAssessment, func(_ *fixture, r *Request) { r.Vendor = "beta" }},
		"level too high":          {CodeLevelTooHigh, func(_ *fixture, r *Request) { r.Claims = []Wanted{{Framework: "slsa-v0.1", Level: 5}} }},
		"unknown profile":         {CodeUnknownProfile, func(_ *fixture, r *Request) { r.Profile = "eternal" }},
		"longer than the profile": {CodeValidity, func(_ *fixture, r *Request) { r.Profile, r.Validity = "short-lived", 8*24*time.Hour }},
		"too short":               {CodeValidity, func(_ *fixture, r *Request) { r.Validity = time.Second }},
		"weak key":                {CodeKeyCurve, func(f *fixture, r *Request) { r.PublicKey = p224(f.t) }},
		"the CA's own key":        {CodeKeyReserved, func(f *fixture, r *Request) { r.PublicKey = hierarchy(f.t).root.PublicKey }},
		"another vendor's key": {CodeKeyInUse, func(f *fixture, r *Request) {
			f.assess("beta", "slsa-v0.1", "slsa", 2, year)
			if _, err := f.ca.Issue(context.Background(), Request{Vendor: "beta", PublicKey: r.PublicKey}); err != nil {
				f.t.Fatal(err)
			}
		}},
		"unknown certificate to renew": {CodeUnknownCertificate, func(_ *fixture, r *Request) { r.Replaces = "7f" }},
		"bad attestation":              {CodeAttestation, func(_ *fixture, r *Request) { r.Attestation = &Attestation{Format: "yubikey", Data: []byte("x")} }},
		"too many wait": {CodeTooManyRequests, func(f *fixture, _ *Request) {
			for range maxPending {
				f.requested(f.highRequest(newKey(f.t).Public()))
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newHighFixture(t)
			req := f.highRequest(newKey(t).Public())
			c.edit(f, &req)
			_, err := f.ca.RequestApproval(t.Context(), req)
			wantRefusal(t, err, c.want)
		})
	}
}

// TestHardwareKey: what a key attestation is worth to the gate, format by format.
func TestHardwareKey(t *testing.T) {
	maker, stranger := attestationtest.New(t, noon), attestationtest.New(t, noon)
	believed, err := attestation.New(attestation.Roots{attestation.YubiKey: maker.Roots(), attestation.Step: maker.Roots(), attestation.TPM: maker.Roots()})
	if err != nil {
		t.Fatal(err)
	}
	key := newKey(t)
	const challenge = "6f3a"
	yubikey := &Attestation{Format: "yubikey", Data: maker.YubiKey(t, key.Public()), Challenges: []string{challenge}}
	tpm := func(k attestationtest.Key) *Attestation {
		k.Public = key.Public()
		return &Attestation{Format: "tpm", Data: maker.TPM(t, k), Challenges: []string{"other", challenge}}
	}
	for name, c := range map[string]struct {
		want Code
		a    *Attestation
	}{
		"yubikey":         {"", yubikey},
		"step":            {"", &Attestation{Format: "step", Data: maker.Step(t, key, challenge), Challenges: []string{challenge}}},
		"tpm":             {"", tpm(attestationtest.Key{Challenge: challenge})},
		"another key":     {CodeAttestationKey, &Attestation{Format: "yubikey", Data: maker.YubiKey(t, newKey(t).Public())}},
		"another root":    {CodeAttestationRoot, &Attestation{Format: "yubikey", Data: stranger.YubiKey(t, key.Public())}},
		"no challenge":    {CodeAttestationChallenge, &Attestation{Format: "step", Data: maker.Step(t, key, challenge)}},
		"another request": {CodeAttestationChallenge, tpm(attestationtest.Key{Challenge: "another"})},
		"exportable":      {CodeAttestationExportable, tpm(attestationtest.Key{Challenge: challenge, Attributes: attestationtest.Stays &^ 2})},
		"nonsense":        {CodeAttestation, &Attestation{Format: "step", Data: []byte("{}")}},
		"unknown format":  {CodeAttestation, &Attestation{Format: "packed", Data: []byte("{}")}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newHighFixture(t)
			f.ca.requires.hardware = believed
			req := f.highRequest(key.Public())
			req.Attestation = c.a
			asked, err := f.ca.RequestApproval(t.Context(), req)
			if c.want != "" {
				wantRefusal(t, err, c.want)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if asked.Attestation == nil || asked.Attestation.Device == "" || (asked.Attestation.Challenge == "") != (c.a.Format == "yubikey") {
				t.Errorf("%+v", asked.Attestation)
			}
			_, err = f.ca.Approve(t.Context(), asked.ID, "olga", "", "not needed")
			wantRefusal(t, err, CodeBadRequest)
			if _, err := f.ca.Approve(t.Context(), asked.ID, "olga", "", ""); err != nil {
				t.Fatal(err)
			}
			// The maker is not believed any more: judged again, it does not hold.
			if f.ca.requires.hardware, err = attestation.New(attestation.Roots{attestation.YubiKey: stranger.Roots(), attestation.Step: stranger.Roots(), attestation.TPM: stranger.Roots()}); err != nil {
				t.Fatal(err)
			}
			_, err = f.ca.Collect(t.Context(), asked.ID, "acme", "alice")
			wantRefusal(t, err, CodeAttestationRoot)
			f.ca.requires.hardware = believed
			f.collect(asked.ID)
		})
	}
}

// TestHardwareKeyWithoutOfficer: a tier may want the one without the other.
func TestHardwareKeyWithoutOfficer(t *testing.T) {
	f := newHighFixture(t)
	maker := attestationtest.New(t, noon)
	var err error
	if f.ca.requires.hardware, err = attestation.New(attestation.Roots{attestation.YubiKey: maker.Roots()}); err != nil {
		t.Fatal(err)
	}
	f.ca.requires.tiers[2].Approval = "none"
	key := newKey(t)
	req := f.highRequest(key.Public())
	_, err = f.ca.Issue(t.Context(), req)
	wantRefusal(t, err, CodeHardwareKeyRequired)
	req.Attestation = &Attestation{Format: "yubikey", Data: maker.YubiKey(t, newKey(t).Public())}
	_, err = f.ca.Issue(t.Context(), req)
	wantRefusal(t, err, CodeAttestationKey)
	req.Attestation.Data = maker.YubiKey(t, key.Public())
	if _, err := f.ca.Issue(t.Context(), req); err != nil {
		t.Fatal(err)
	}
}

// TestUnknownTierAsksForEverything: what an issuing CA that is not among ours stands
// for, nobody has said.
func TestUnknownTierAsksForEverything(t *testing.T) {
	q, err := newRequirements(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"standard": false, "elevated": false, "high": true, "elevated-2": false, "high-2": true, "high-17": true, "own": true, "standard-": true} {
		if got := q.of(name); got.NeedsOfficer() != want || got.NeedsHardwareKey() != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
