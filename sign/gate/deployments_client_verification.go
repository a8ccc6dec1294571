package gate

import (
	"errors"
	"reflect"
	"slices"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/sign/layout"
)

// deploymentsClientVerification: CNCF, deployments.client-verification: "Clients can verify
// artefact integrity and all metadata: SBOM signatures with authorised keys, in-toto layout
// if used. Check: run the client verification itself." So this does what whoever installs
// the artifact can do with nothing but its digest, the audited scope and the repository
// that the certificate names: what is to be found there has to be enough, and what keys of
// the scope are said to have signed there has to verify.
func deploymentsClientVerification() rule {
	return rule{
		id:      "deployments.client-verification",
		clients: true,
		serves:  []string{"cncf-sscp-v1/deployments.client-verification"},
		satisfy: "publish the provenance, a signed bill of material and, where the scope has layouts, layout and links under their digests at an address of the scope's repositories, " +
			"and nothing about the artifact that names a key of the scope without its signature",
		judge: func(e *exhibit) finding {
			if e.provenance == nil {
				return e.unread()
			}
			shown, why := e.clientVerifies()
			if why != "" {
				if e.build.Published != nil && e.build.Published.Unread != "" {
					why += "; " + quote(e.build.Published.Unread)
				}
				return e.fail(why)
			}
			return e.pass("clients find and verify all of it", shown...)
		},
	}
}

// Published is what the repositories that a certificate names hand out to clients.
type Published struct {
	Artifact [][]byte // envelopes under the artifact's digest
	Steps    [][]byte // layouts and links, under their own keys
	Unread   string   // why some of it could not be read, "" where all was
}

// Clients reports whether one of the assessments asks what clients can verify, so that
// Build.Published is needed.
func (g *Gate) Clients(assessed []Assessed) bool {
	rolls, _ := g.rolls.of(assessed)
	return slices.ContainsFunc(rolls, func(r *roll) bool {
		return slices.ContainsFunc(r.asked, func(q asked) bool { return q.clients })
	})
}

// openPublished reads and verifies what clients find, nothing where it was not looked up.
func (g *Gate) openPublished(p *Published, rolls []*roll, ring *attest.Keyring) ([]signed, []*layout.Document) {
	if p == nil {
		return nil, nil
	}
	return g.opener.open(p.Artifact, ring), g.opener.openSteps(slices.Concat(p.Artifact, p.Steps), rolls)
}

// clientVerifies returns the envelopes with which a client verifies the artifact, or why it
// cannot.
func (e *exhibit) clientVerifies() (shown []string, why string) {
	if e.client == nil {
		return nil, "what clients find was not looked up"
	}
	digest, why := e.client.sameProvenance(e)
	if why != "" {
		return nil, why
	}
	_, bill, why := (&exhibit{file: e.client}).billOfMaterial()
	if why != "" {
		return nil, "clients find no bill of material: " + why
	}
	shown = []string{digest, bill}
	if len(e.scope.Layouts) > 0 {
		followed, why := e.client.followed()
		if why != "" {
			return nil, "clients find no layout that is followed: " + why
		}
		shown = append(shown, followed...)
	}
	return shown, e.client.unsound()
}

// sameProvenance finds the provenance that is judged among what clients find, verified as
// they would.
func (f *file) sameProvenance(e *exhibit) (digest, why string) {
	why = "clients do not find the provenance"
	for _, x := range f.exhibits() {
		if x.statement == nil || !reflect.DeepEqual(x.statement, e.statement) {
			continue
		}
		if why = x.madeThis(); why == "" {
			return x.digest, ""
		}
	}
	return "", why
}

// unsound says what about a file's artifact does not verify although a key of the scope is
// said to have signed it, or "".
func (f *file) unsound() (why string) {
	for _, d := range f.documents {
		for _, id := range d.KeyIDs {
			if f.hasKey(id) && !slices.Contains(d.signers, id) {
				return "envelope " + d.SHA256 + " names key " + id + " of the scope, which did not sign it"
			}
		}
		if _, ok := f.witnesses(d, true); !ok {
			continue
		}
		if _, err := d.read(); err != nil && !errors.Is(err, errUnknownPredicate) {
			return "envelope " + d.SHA256 + " is signed, but not readable: " + quote(err.Error())
		}
	}
	for _, x := range f.exhibits() {
		if len(x.signers) == 0 {
			continue
		}
		for _, r := range []rule{provenanceAuthenticated(), buildBuildService(), provenanceServiceGenerated()} {
			if found := r.judge(x); found.outcome != Pass {
				return "provenance " + x.digest + " does not verify: " + found.detail
			}
		}
	}
	return ""
}

// hasKey reports whether somebody in the scope has a key with this id.
func (r *roll) hasKey(id string) bool {
	_, rebuilder := r.rebuilders[id]
	_, attestor := r.attestors[id]
	return rebuilder || attestor || len(r.builders[id]) > 0
}
