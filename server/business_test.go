package server

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/audit/probe"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
)

const (
	testBuilder   = "https://ci.acme.example/builder"
	testBuildType = "https://ci.acme.example/make/v1"
	testSource    = "git+https://git.acme.example/hello"
	testReport    = "everything was as it should be\n" // the evidence of every finding
)

// acmesBusiness takes acme from assessment to signature.
func (w *world) acmesBusiness() {
	w.t.Helper()
	w.assessment = w.submit("acme")
	w.accept("olga", w.assessment)
	var cert api.Certificate
	w.must("acme", "POST", "/v1/certificates", api.NewCertificate{}, &cert)
	w.certificate = cert.Serial
	w.artifact = strings.Repeat("ab", 32)
	w.must("acme", "POST", "/v1/attestations", api.NewAttestations{Envelopes: [][]byte{w.provenance(w.artifact)}}, nil)
	w.must("acme", "POST", "/v1/signatures", api.NewSignature{SHA256: w.artifact, Format: "detached", Product: "hello"}, nil)
}

func (w *world) provenance(digest string) []byte {
	w.t.Helper()
	statement, err := attest.NewProvenanceV1(attest.Build{
		Subjects: []attest.Subject{{Name: "hello", Digest: map[string]string{"sha256": digest}}}, BuilderID: testBuilder, BuildType: testBuildType,
		Source: attest.ResourceDescriptor{URI: testSource, Digest: map[string]string{"gitCommit": strings.Repeat("1f", 20)}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	envelope, err := attest.SignStatement(context.Background(), statement, w.builder)
	if err != nil {
		w.t.Fatal(err)
	}
	return envelope
}

// submit hands in an assessment of a vendor that meets all of SLSA 3, and returns its id.
func (w *world) submit(vendor string) string {
	w.t.Helper()
	return w.handIn(w.newAssessment(vendor))
}

// handIn signs an assessment with the keys of the auditors that it names, and submits it.
func (w *world) handIn(a audit.Assessment) string {
	w.t.Helper()
	envelope, err := audit.Sign(context.Background(), a, w.auditor)
	if err == nil && a.SecondAuditor != nil {
		envelope, err = attest.AddSignature(context.Background(), envelope, w.second)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var submitted api.Assessment
	w.must("quill", "POST", "/v1/assessments", api.NewAssessment{Envelope: envelope}, &submitted)
	return submitted.ID
}

// acceptance is what an officer sends to accept an assessment: the envelope with one
// more signature.
func (w *world) acceptance(officer, id string) api.Acceptance {
	w.t.Helper()
	var a api.Assessment
	w.must(officer, "GET", "/v1/assessments/"+id, nil, &a)
	countersigned, err := attest.AddSignature(context.Background(), a.Envelope, w.keys[officer])
	if err != nil {
		w.t.Fatal(err)
	}
	return api.Acceptance{Envelope: countersigned}
}

func (w *world) accept(officer, id string) {
	w.t.Helper()
	w.must(officer, "POST", "/v1/assessments/"+id+"/accept", w.acceptance(officer, id), nil)
}

// change alters an assessment's record, as time and mishaps do.
func (w *world) change(id string, fn func(*store.Assessment)) {
	w.t.Helper()
	err := w.store.Update(context.Background(), func(tx store.Tx) error {
		a, err := store.Assessments.Get(tx, id)
		if err != nil {
			return err
		}
		fn(&a)
		return store.Assessments.Put(tx, a)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// fakeProber answers every probe the same.
type fakeProber struct {
	mu     sync.Mutex
	result probe.Result
	wait   chan struct{} // when not nil, a run lasts until it is closed, or its context ends
	runs   int
}

func (p *fakeProber) set(r probe.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result = r
}

// count is how many runs were begun.
func (p *fakeProber) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.runs
}

func (p *fakeProber) Run(ctx context.Context, _ string, _ map[string]string, _ string) probe.Result {
	p.mu.Lock()
	result, wait := p.result, p.wait
	p.runs++
	p.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
		}
	}
	return result
}

func (w *world) newAssessment(vendor string) audit.Assessment {
	w.t.Helper()
	framework, _ := w.server.Catalogue.Lookup("slsa-v0.1")
	track, _ := framework.Track("slsa")
	der, err := x509.MarshalPKIXPublicKey(w.builder.Public())
	if err != nil {
		w.t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	a := audit.Assessment{
		Framework: framework.Ref("slsa"), Level: 3, LevelID: "SLSA_LEVEL_3", AssessedAt: now, ValidUntil: now.AddDate(0, 6, 0),
		Vendor:  audit.Party{ID: vendor, URI: "https://" + vendor + ".example", Organization: strings.ToUpper(vendor)},
		Auditor: audit.Party{ID: "quill", URI: "https://quill.example", Organization: "Quill Assurance"},
		Scope: audit.Scope{
			Products: []audit.Product{{Name: "hello"}}, Sources: []audit.Source{{URI: testSource}},
			Builders:     []audit.Builder{{ID: testBuilder, BuildTypes: []string{testBuildType}, Properties: []string{audit.PropertyCompleteParameters, audit.PropertySourceFetched, audit.PropertyFixedEntryPoint}, Keys: []string{string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))}}},
			Repositories: []string{"https://attestations.acme.example/v1"},
			Rebuilders:   w.auditedRebuilders(), Recipes: []audit.Recipe{{Product: "hello", Source: testSource, Recipe: testRecipe}},
		},
	}
	for _, r := range track.Requirements {
		if r.FromLevel <= 3 {
			a.Findings = append(a.Findings, audit.Finding{Requirement: r.ID, Status: audit.Met, Evidence: []attest.ResourceDescriptor{{
				Name: "report", URI: "https://quill.example/report", Digest: map[string]string{"sha256": hexDigest(sha256.Sum256([]byte(testReport)))},
			}}})
		}
	}
	return a
}
