package rebuild

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/storetest"
)

const (
	vendorURI   = "https://acme.example.com/"
	builderID   = "https://builder.example.com/v1"
	sourceURI   = "git+https://git.example.com/acme/tool"
	commit      = "0123456789abcdef0123456789abcdef01234567"
	otherCommit = "ffffffffffffffffffffffffffffffffffffffff"
	product     = "tool"
	document    = "version: 1\nproduct: tool\n"

	north  = "https://north.example.org/"
	south  = "https://south.example.net/"
	south2 = "https://south.example.net/second"
)

var (
	testStart = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	artifact  = hexOf("the artifact")
)

func hexOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// world is a vendor with an assessment in force whose scope names three rebuilders of
// two operators.
type world struct {
	t          testing.TB
	store      storetest.Driver
	repository *memoryRepository
	queue      *Queue
	keys       map[string]crypto.Signer // of rebuilders, and "builder", "auditor"
	now        time.Time
	record     store.Assessment
	filed      []string
	mu         sync.Mutex
}

// memoryRepository checks as the real one does what an envelope is filed under.
type memoryRepository struct {
	mu    sync.Mutex
	files map[string][][]byte // by vendor/sha256
	fail  error
}

func (m *memoryRepository) Put(_ context.Context, vendor string, raw []byte) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, m.fail
	}
	u, err := attest.ParseEnvelope(raw)
	if err != nil {
		return nil, err
	}
	s, err := attest.ParseStatement(u.Payload)
	if err != nil {
		return nil, err
	}
	for _, d := range s.SHA256() {
		key := vendor + "/" + d
		known := false
		for _, have := range m.files[key] {
			known = known || string(have) == string(raw)
		}
		if len(m.files[key]) >= repository.MaxEnvelopes {
			return nil, repository.ErrFull
		}
		if !known {
			m.files[key] = append(m.files[key], raw)
		}
	}
	return s.SHA256(), nil
}

func (m *memoryRepository) Get(_ context.Context, vendor, digest string) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.files[vendor+"/"+digest], m.fail
}

func (m *memoryRepository) count() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, list := range m.files {
		n += len(list)
	}
	return n
}

func newWorld(t testing.TB) *world { return newWorldOn(t, storetest.NewMemory()) }

func newWorldOn(t testing.TB, d storetest.Driver) *world {
	t.Helper()
	w := &world{t: t, store: d, repository: &memoryRepository{files: map[string][][]byte{}}, keys: map[string]crypto.Signer{}, now: testStart.Add(time.Hour)}
	for _, who := range []string{"auditor", "builder", "stranger", north, south, south2} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		w.keys[who] = key
	}
	w.queue = w.newQueue()
	w.record = w.assessment(w.scope())
	w.update(func(tx store.Tx) error {
		der, err := x509.MarshalPKIXPublicKey(w.keys["auditor"].Public())
		must(t, err)
		return errors.Join(
			store.Vendors.Insert(tx, store.Vendor{ID: "acme", URI: vendorURI, Organization: "Acme Ltd", Country: "DE", CreatedAt: testStart}),
			store.AuditorKeys.Insert(tx, store.AuditorKey{SPKISHA256: w.keyID("auditor"), Auditor: "quill", PublicKey: der, AddedAt: testStart}),
			store.Accreditations.Insert(tx, store.Accreditation{Auditor: "quill", Framework: "slsa-v0.1", From: testStart, Until: testStart.AddDate(1, 0, 0)}),
			store.Assessments.Insert(tx, w.record),
		)
	})
	return w
}

func (w *world) newQueue() *Queue {
	q := &Queue{Store: w.store, Repository: w.repository, Now: w.clock, Filed: func(vendor, sha string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.filed = append(w.filed, vendor+"/"+sha)
	}}
	must(w.t, q.Check())
	return q
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) update(fn func(store.Tx) error) {
	w.t.Helper()
	must(w.t, w.store.Update(context.Background(), fn))
}

func (w *world) view(fn func(store.Reader) error) {
	w.t.Helper()
	must(w.t, w.store.View(context.Background(), fn))
}

func (w *world) keyID(who string) string {
	w.t.Helper()
	id, err := attest.KeyID(w.keys[who].Public())
	must(w.t, err)
	return id
}

func (w *world) pem(who string) string {
	w.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(w.keys[who].Public())
	must(w.t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func (w *world) scope() audit.Scope {
	return audit.Scope{
		Products: []audit.Product{{Name: product}, {Name: "other"}},
		Sources:  []audit.Source{{URI: sourceURI}, {URI: "https://git.example.com/acme/other"}},
		Builders: []audit.Builder{{ID: builderID, Keys: []string{w.pem("builder")}}},
		Rebuilders: []audit.Rebuilder{
			{ID: north, Operator: "Northern Rebuilds", Keys: []string{w.pem(north)}},
			{ID: south, Operator: "Southern Rebuilds e.V.", Keys: []string{w.pem(south)}},
			{ID: south2, Operator: "southern rebuilds eV", Keys: []string{w.pem(south2)}},
		},
		Repositories: []string{"https://ca.example.com/attestations/acme"},
		Recipes:      []audit.Recipe{{Product: product, Source: sourceURI, Recipe: document}},
	}
}

// assessment makes the record of an assessment in force of this scope.
func (w *world) assessment(scope audit.Scope) store.Assessment {
	w.t.Helper()
	return w.assessmentOf("acme", vendorURI, scope)
}

func (w *world) assessmentOf(vendor, uri string, scope audit.Scope) store.Assessment {
	w.t.Helper()
	a := audit.Assessment{
		Framework: audit.FrameworkRef{ID: "slsa-v0.1", URI: "https://slsa.dev/spec/v0.1/", Version: "0.1", Track: "slsa", Digest: map[string]string{"sha256": strings.Repeat("0", 64)}},
		Vendor:    audit.Party{ID: vendor, URI: uri, Organization: "Acme Ltd"}, Auditor: audit.Party{ID: "quill", Organization: "Quill"},
		Level: 3, LevelID: "SLSA_LEVEL_3", AssessedAt: testStart, ValidUntil: testStart.AddDate(1, 0, 0), Scope: scope, Findings: []audit.Finding{},
	}
	envelope, err := audit.Sign(context.Background(), a, w.keys["auditor"])
	must(w.t, err)
	u, err := attest.ParseEnvelope(envelope)
	must(w.t, err)
	sum := sha256.Sum256(u.Payload)
	return store.Assessment{
		ID: hex.EncodeToString(sum[:]), State: store.AssessmentInForce, Vendor: vendor, Framework: a.Framework.ID, FrameworkURI: a.Framework.URI,
		Track: "slsa", Level: 3, LevelID: a.LevelID, Auditor: "quill", AuditorSPKI: w.keyID("auditor"), AssessedAt: a.AssessedAt, ValidUntil: a.ValidUntil,
		Envelope: envelope, SubmittedAt: testStart, CatalogueSHA256: a.Framework.Digest["sha256"],
	}
}

// second puts another vendor on record, with an assessment of its own.
func (w *world) second(id string, change func(*audit.Scope)) {
	w.t.Helper()
	scope := w.scope()
	change(&scope)
	rec := w.assessmentOf(id, "https://"+id+".example.com/", scope)
	w.update(func(tx store.Tx) error {
		return errors.Join(store.Assessments.Insert(tx, rec),
			store.Vendors.Insert(tx, store.Vendor{ID: id, URI: "https://" + id + ".example.com/", Organization: id, Country: "DE", CreatedAt: testStart}))
	})
}

// rescope puts another scope in force instead.
func (w *world) rescope(change func(*audit.Scope)) {
	w.t.Helper()
	scope := w.scope()
	change(&scope)
	old := w.record
	old.State = store.AssessmentSuperseded
	w.record = w.assessment(scope)
	w.update(func(tx store.Tx) error {
		return errors.Join(store.Assessments.Put(tx, old), store.Assessments.Put(tx, w.record))
	})
}

func (w *world) request() Request {
	return Request{Vendor: "acme", Product: product, SHA256: artifact, Source: Source{sourceURI, commit}, By: "vera"}
}

func (w *world) ask(r Request) []store.RebuildJob {
	w.t.Helper()
	jobs, err := w.queue.Ask(context.Background(), r)
	must(w.t, err)
	return jobs
}

// worker is who works for a rebuilder.
func worker(rebuilder string) Worker {
	operator := "Southern Rebuilds e.V."
	if rebuilder == north {
		operator = "Northern Rebuilds"
	}
	return Worker{Person: "person-of-" + rebuilder, Rebuilder: rebuilder, Operator: operator}
}

// claim takes the next job of a rebuilder; nil: there is none.
func (w *world) claim(rebuilder string) *Assignment {
	w.t.Helper()
	got, err := w.queue.Claim(context.Background(), worker(rebuilder), 0)
	must(w.t, err)
	return got
}

func (w *world) job(id string) (job store.RebuildJob) {
	w.t.Helper()
	w.view(func(r store.Reader) (err error) {
		job, err = store.RebuildJobs.Get(r, id)
		return err
	})
	return job
}

// build is a rebuilder's provenance before it is signed.
type build struct {
	attest.Build
	by crypto.Signer
}

// reproduced is a rebuilder's good answer, or what change makes of it.
func (w *world) reproduced(job store.RebuildJob, change func(*build)) []byte {
	w.t.Helper()
	b := build{by: w.keys[job.Rebuilder], Build: attest.Build{
		Subjects:  []attest.Subject{{Name: "tool", Digest: map[string]string{"sha256": job.SHA256}}},
		BuilderID: job.Rebuilder, BuildType: "https://github.com/hallmark-pki/hallmark/rebuild/v1",
		Source:             attest.ResourceDescriptor{URI: job.SourceURI, Digest: map[string]string{"gitCommit": job.SourceCommit}},
		InternalParameters: json.RawMessage(fmt.Sprintf(`{"hallmarkJob":%q,"runs":2}`, job.ID)),
		Dependencies:       []attest.ResourceDescriptor{{Name: "recipe", Digest: map[string]string{"sha256": job.Recipe}}},
	}}
	if change != nil {
		change(&b)
	}
	s, err := attest.NewProvenanceV1(b.Build)
	must(w.t, err)
	return w.sign(s, b.by)
}

// failed is a rebuilder's statement that it could not reproduce the build.
func (w *world) failed(job store.RebuildJob, reason attest.RebuildReason, change func(*attest.RebuildFailure)) []byte {
	w.t.Helper()
	f := attest.RebuildFailure{
		Subject:   attest.Subject{Name: "tool", Digest: map[string]string{"sha256": job.SHA256}},
		Rebuilder: job.Rebuilder, Job: job.ID, Recipe: job.Recipe, Reason: reason,
		Source: attest.ResourceDescriptor{URI: job.SourceURI, Digest: map[string]string{"gitCommit": job.SourceCommit}},
		Got: []attest.ResourceDescriptor{
			{Name: "first/tool", Digest: map[string]string{"sha256": hexOf("something else")}}, {Name: "second/tool", Digest: map[string]string{"sha256": hexOf("third")}}},
		StartedOn: w.clock(), FinishedOn: w.clock(),
	}
	if change != nil {
		change(&f)
	}
	s, err := attest.NewRebuildFailure(f)
	must(w.t, err)
	return w.sign(s, w.keys[job.Rebuilder])
}

func (w *world) sign(s attest.Statement, by crypto.Signer) []byte {
	w.t.Helper()
	raw, err := attest.SignStatement(context.Background(), s, by)
	must(w.t, err)
	return raw
}

// statement is one of another kind about the artifact.
func (w *world) statement(predicateType string, by crypto.Signer) []byte {
	w.t.Helper()
	return w.sign(attest.Statement{
		Subject: []attest.Subject{{Name: "tool", Digest: map[string]string{"sha256": artifact}}}, PredicateType: predicateType, Predicate: json.RawMessage(`{"result":"PASSED"}`),
	}, by)
}

// events lists the actions on record.
func (w *world) events(action string) (list []store.Event) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		list = nil
		for e, err := range store.Events.All(r, "") {
			if err != nil {
				return err
			}
			if e.Action == action {
				list = append(list, e)
			}
		}
		return nil
	})
	return list
}

func (w *world) notices() (list []store.Notice) {
	w.t.Helper()
	w.view(func(r store.Reader) error {
		list = nil
		for n, err := range store.Notices.All(r, "") {
			if err != nil {
				return err
			}
			list = append(list, n)
		}
		return nil
	})
	return list
}

// requireCode fails unless err is a refusal with this code.
func requireCode(t testing.TB, err error, want Code) {
	t.Helper()
	if got, ok := IsRefusal(err); !ok || got != want {
		t.Errorf("%v, want the code %s", err, want)
	}
}
