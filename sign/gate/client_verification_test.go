package gate

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

// clientDocket is a case in which clients find everything, a layout and its links as well.
func clientDocket(t testing.TB) (*docket, plan) {
	t.Helper()
	d := newDocket(t, "cncf-sscp-v1", "assurance", 2)
	d.assessment.Scope.Builders[0].Properties = []string{audit.PropertyHermetic}
	p := newPlan(t, d.build.Digest)
	d.assessment.Scope.Layouts = []string{p.id}
	d.publish = func(out *Published) {
		out.Artifact = append(out.Artifact, p.pack)
		out.Steps = append(out.Steps, p.layout, p.write)
	}
	return d, p
}

// also changes what clients find, after what is there already.
func (d *docket) also(change func(*Published)) {
	first := d.publish
	d.publish = func(p *Published) { first(p); change(p) }
}

// unpublish takes away what clients find of some types.
func (d *docket) unpublish(types ...string) {
	d.also(func(p *Published) {
		p.Artifact = slices.DeleteFunc(p.Artifact, func(raw []byte) bool {
			read, err := attest.ReadDocument(raw)
			return err == nil && slices.Contains(types, read.Statement.PredicateType)
		})
	})
}

// more puts another envelope about the artifact where clients find it.
func (d *docket) more(raw func() []byte) {
	d.also(func(p *Published) { p.Artifact = append(p.Artifact, raw()) })
}

// named is an envelope whose signature by one key names another.
func named(t testing.TB, s attest.Statement, by, name crypto.Signer) []byte {
	t.Helper()
	raw := envelope(t, s, by)
	id, err := attest.KeyID(by.Public())
	must(t, err)
	other, err := attest.KeyID(name.Public())
	must(t, err)
	return bytes.Replace(raw, []byte(id), []byte(other), 1)
}

// TestClientVerification breaks one thing about what clients find, while the CA has all of
// it, and wants exactly that rule to fail, for that reason.
func TestClientVerification(t *testing.T) {
	const rule = "deployments.client-verification"
	scanner := func(d *docket) crypto.Signer { return d.papers["vulns"].by[0] }
	sbom := func(d *docket) attest.Statement { return d.statement(d.papers["sbom"]) }
	onlySBOM := func(raw func(*docket) []byte) func(*docket, plan) {
		return func(d *docket, _ plan) {
			d.unpublish(attest.SPDXDocument)
			d.more(func() []byte { return raw(d) })
		}
	}
	for what, c := range map[string]struct {
		change func(*docket, plan)
		says   string
	}{
		"nothing": {func(d *docket, _ plan) { d.publish = func(p *Published) { *p = Published{} } }, "clients do not find the provenance"},
		"nothing that could be read": {func(d *docket, _ plan) {
			d.publish = func(p *Published) { *p = Published{Unread: "evidence at x: timed out"} }
		}, "timed out"},
		"no provenance": {func(d *docket, _ plan) { d.unpublish(attest.ProvenanceV02) }, "clients do not find the provenance"},
		"provenance of another build": {func(d *docket, _ plan) {
			d.unpublish(attest.ProvenanceV02)
			d.more(func() []byte { return d.provenance(t, nil) })
		}, "clients do not find the provenance"},
		"the provenance under a stranger's signature": {func(d *docket, _ plan) {
			d.unpublish(attest.ProvenanceV02)
			d.more(func() []byte {
				return envelope(t, d.statement(&paper{subject: map[string]string{"sha256": d.build.Digest}, kind: d.kind, predicate: d.predicate}), newKey(t, elliptic.P256()))
			})
		}, "clients do not find the provenance"},
		"no bill of material": {func(d *docket, _ plan) { d.unpublish(attest.SPDXDocument) }, "clients find no bill of material"},
		"a stranger's bill of material": {onlySBOM(func(d *docket) []byte {
			return envelope(t, sbom(d), newKey(t, elliptic.P256()))
		}), "not signed by anybody"},
		"a reviewer's bill of material": {onlySBOM(func(d *docket) []byte { return envelope(t, sbom(d), d.papers["ada"].by[0]) }), "not signed by anybody"},
		"one of another artifact": {onlySBOM(func(d *docket) []byte {
			s := sbom(d)
			s.Subject[0].Digest = map[string]string{"sha256": strings.Repeat("ab", 32)}
			return envelope(t, s, scanner(d))
		}), "about another artifact"},
		"one that lists nothing": {onlySBOM(func(d *docket) []byte {
			s := sbom(d)
			s.Predicate = json.RawMessage(`{"spdxVersion": "SPDX-2.3", "name": "app", "packages": []}`)
			return envelope(t, s, scanner(d))
		}), "lists nothing"},
		"no layout": {func(d *docket, p plan) {
			d.also(func(out *Published) { out.Steps = [][]byte{p.write} })
		}, "is not published"},
		"a link is missing": {func(d *docket, p plan) {
			d.also(func(out *Published) { out.Steps = [][]byte{p.layout} })
		}, "step-unsigned"},
		"the link of the last step is missing": {func(d *docket, p plan) {
			d.also(func(out *Published) {
				out.Artifact = slices.DeleteFunc(out.Artifact, func(raw []byte) bool { return bytes.Equal(raw, p.pack) })
			})
		}, "step-unsigned"},
		"another layout in scope": {func(d *docket, _ plan) { d.assessment.Scope.Layouts = []string{strings.Repeat("ab", 32)} }, "is not published"},
		"a forged bill of material beside it": {func(d *docket, _ plan) {
			d.more(func() []byte { return named(t, sbom(d), newKey(t, elliptic.P256()), scanner(d)) })
		}, "which did not sign it"},
		"forged provenance beside it": {func(d *docket, _ plan) {
			d.more(func() []byte {
				raw, err := attest.ReadDocument(d.provenance(t, nil))
				must(t, err)
				return named(t, raw.Statement, newKey(t, elliptic.P256()), d.builder)
			})
		}, "which did not sign it"},
		"a scan that cannot be read": {func(d *docket, _ plan) {
			d.more(func() []byte {
				s := d.statement(d.papers["vulns"])
				s.Predicate = json.RawMessage(`{}`)
				return envelope(t, s, scanner(d))
			})
		}, "signed, but not readable"},
		"provenance that cannot be read": {func(d *docket, _ plan) {
			d.more(func() []byte {
				s := d.statement(&paper{subject: map[string]string{"sha256": d.build.Digest}, kind: d.kind, predicate: map[string]any{}})
				return envelope(t, s, d.builder)
			})
		}, "signed, but not readable"},
		"provenance in another builder's name": {func(d *docket, _ plan) {
			d.more(func() []byte {
				return d.provenance(t, func(b *build) { b.by = d.other })
			})
		}, "does not verify"},
		"provenance by a builder that nobody audited": {func(d *docket, _ plan) {
			d.more(func() []byte {
				return d.provenance(t, func(b *build) { b.BuilderID = "https://evil.example.com/" })
			})
		}, "does not verify"},
	} {
		t.Run(what, func(t *testing.T) {
			d, p := clientDocket(t)
			c.change(d, p)
			got := d.decide()
			if diff := cmp.Diff([]string{rule}, got.Failed()); diff != "" || got.Granted() {
				t.Errorf("granted %v, failed rules (-want +got):\n%s", got.Granted(), diff)
			}
			if v := verdict(t, got, rule); !strings.Contains(v.Detail, c.says) || v.Satisfy == "" {
				t.Errorf("says %q, without %q", v.Detail, c.says)
			}
		})
	}
}

// TestClientVerificationGranted: what does not keep clients from verifying.
func TestClientVerificationGranted(t *testing.T) {
	for what, c := range map[string]struct {
		change func(*docket, plan)
		shown  int // envelopes
	}{
		"as it is":         {func(*docket, plan) {}, 5},
		"without a layout": {func(d *docket, _ plan) { d.assessment.Scope.Layouts = nil; d.publish = nil }, 2},
		"only what is asked": {func(d *docket, _ plan) {
			d.unpublish(attest.VulnsV02, attest.VSAType, attest.TestResultV01, attest.LinkV03, attest.ProvenanceV1)
		}, 5},
		"a stranger's word": {func(d *docket, _ plan) {
			d.more(func() []byte { return d.provenance(t, func(b *build) { b.by = newKey(t, elliptic.P256()) }) })
		}, 5},
		"an unknown type": {func(d *docket, _ plan) {
			d.assessment.Scope.Attestors[2].Predicates = append(d.assessment.Scope.Attestors[2].Predicates, "https://example.com/x")
			d.more(func() []byte {
				s := d.statement(d.papers["vulns"])
				s.PredicateType = "https://example.com/x"
				return envelope(t, s, d.papers["vulns"].by[0])
			})
		}, 5},
		"the provenance signed once more": {func(d *docket, _ plan) {
			d.also(func(p *Published) {
				raw, err := attest.AddSignature(context.Background(), p.Artifact[0], newKey(t, elliptic.P256()))
				must(t, err)
				p.Artifact[0] = raw
			})
		}, 5},
		"one address that was not read": {func(d *docket, _ plan) { d.also(func(p *Published) { p.Unread = "x" }) }, 5},
	} {
		t.Run(what, func(t *testing.T) {
			d, p := clientDocket(t)
			c.change(d, p)
			got := d.decide()
			v := verdict(t, got, "deployments.client-verification")
			if !got.Granted() || 1+len(v.Further) != c.shown {
				t.Errorf("failed %v: %+v", got.Failed(), v)
			}
		})
	}
}

// TestClients: what clients find is looked up where a level asks, and what was not looked
// up is not there.
func TestClients(t *testing.T) {
	for what, c := range map[string]struct {
		d    *docket
		want bool
	}{
		"moderate": {newDocket(t, "cncf-sscp-v1", "assurance", 2), true}, "low": {newDocket(t, "cncf-sscp-v1", "assurance", 1), false},
		"SLSA": {newDocket(t, "slsa-v0.1", "slsa", 4), false}, "S2C2F": {newDocket(t, "s2c2f-v1.1", "consumption", 4), false},
	} {
		if got := New(Config{}).Clients(c.d.onRecord()); got != c.want {
			t.Errorf("%s: %v", what, got)
		}
	}
	d, _ := clientDocket(t)
	got := New(Config{}).Decide(d.build, d.evidence(), d.onRecord())
	if v := verdict(t, got, "deployments.client-verification"); v.Outcome != Fail || !strings.Contains(v.Detail, "was not looked up") {
		t.Errorf("%+v", v)
	}
}
