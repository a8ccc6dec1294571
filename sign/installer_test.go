package sign

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/verify"
)

// installer is somebody who judges signatures, and what was asked.
type installer struct {
	err   error
	asked []verify.Finished
}

func (i *installer) Judge(_ context.Context, f verify.Finished) error {
	i.asked = append(i.asked, f)
	return i.err
}

// TestTryOut: a finished signature is judged where an assessment asks that clients can
// verify it, and not given out when they could not.
func TestTryOut(t *testing.T) {
	w := newWorld(t)
	provisional := moderate(t, w)
	provisional.confirmBy = w.now.Add(time.Hour)
	for name, c := range map[string]struct {
		g     ground
		err   error
		asked int
	}{
		"asked":                 {g: moderate(t, w), asked: 1},
		"asked, and refused":    {g: moderate(t, w), err: errBroken, asked: 1},
		"not asked":             {g: ground{assessed: []gate.Assessed{{ID: "a1", Assessment: w.assessment(t)}}}, err: errBroken},
		"not before it is firm": {g: provisional, err: errBroken},
	} {
		who := &installer{err: c.err}
		s := w.service(t)
		s.c.Installer = who
		err := s.tryOut(t.Context(), w.request().normal(), c.g, Result{CMS: []byte("signature")})
		var refusal *Refusal
		if (err != nil) != (c.err != nil && c.asked > 0) || err != nil && (!errors.Is(err, errBroken) || errors.As(err, &refusal)) {
			t.Errorf("%s: %v", name, err)
		}
		if len(who.asked) != c.asked {
			t.Fatalf("%s: judged %d times", name, len(who.asked))
		}
		for _, f := range who.asked {
			if f.Digests.SHA256 != w.digest || f.Digests.Signed != w.digest || f.Over.Digest != w.digest || string(f.Signature) != "signature" {
				t.Errorf("%s: judged %+v", name, f)
			}
		}
	}
}

// clientsOnly is a catalogue that asks of builds what clients find, and nothing else.
const clientsOnly = `id: cncf-sscp-v1
name: Clients
version: '1.0'
uri: https://example.com/clients
tracks:
- id: assurance
  name: Assurance
  levels:
  - {level: 1, id: moderate, name: Moderate, summary: x}
  requirements:
  - {id: deployments.client-verification, title: x, group: x, summary: x, from_level: 1, obligation: required, evidence: [signature], checkable_per_build: true, notes: x, source: x}
`

// TestNotDelivered: what clients find is held against the certificate's address, and a
// signature that an installer would refuse is neither given out nor on record.
func TestNotDelivered(t *testing.T) {
	w := newWorld(t)
	f, err := audit.ParseFramework([]byte(clientsOnly))
	must(t, err)
	a := w.assessment(t)
	a.Framework, a.Level, a.LevelID = f.Ref("assurance"), 1, "moderate"
	a.Scope.Attestors = []audit.Attestor{{ID: "scanner", Predicates: []string{attest.CycloneDXBOM}, Keys: []string{pemKey(t, w.other)}}}
	a.Scope.Builders = a.Scope.Builders[:1]
	rec := w.assessmentRecord(t, a)
	w.update(t, func(tx store.Tx) error {
		return errors.Join(store.Assessments.Insert(tx, rec),
			store.Accreditations.Insert(tx, store.Accreditation{Auditor: "auditor", Framework: f.ID, From: testStart, Until: testEnd}))
	})
	w.certify(t, rec)
	bill := envelope(t, attest.Statement{PredicateType: attest.CycloneDXBOM, Predicate: []byte(`{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": "x"}]}`),
		Subject: []attest.Subject{{Digest: map[string]string{"sha256": w.build().Digest}}}}, w.other)
	key := "vendor/" + w.build().Digest
	w.evidence[key] = append(w.evidence[key], bill)
	s := w.service(t)
	s.c.Catalogue = &audit.Catalogue{}
	must(t, s.c.Catalogue.Add(f))
	there, who := &clients{}, &installer{err: errBroken}
	s.c.Clients, s.c.Installer = there, who
	signatures := func() (n int) {
		must(t, w.store.View(t.Context(), func(r store.Reader) error {
			for _, err := range store.Signatures.All(r, "") {
				must(t, err)
				n++
			}
			return nil
		}))
		return n
	}
	sign := func() error {
		_, err := s.Sign(t.Context(), w.request())
		return err
	}
	var refusal *Refusal
	if err := sign(); !errors.As(err, &refusal) || !strings.Contains(refusal.Error(), "deployments.client-verification") || len(who.asked) != 0 {
		t.Errorf("clients find nothing: %v", err)
	}
	there.has = map[string][][]byte{w.build().Digest: w.evidence[key]}
	if err := sign(); !errors.Is(err, errBroken) || errors.As(err, new(*Refusal)) || len(who.asked) != 1 || signatures() != 0 {
		t.Errorf("an installer refuses: %v, judged %d times, %d on record", err, len(who.asked), signatures())
	}
	who.err = nil
	if err := sign(); err != nil || signatures() != 1 {
		t.Errorf("all is well: %v, %d on record", err, signatures())
	}
}
