package audit

import "fmt"

// Attestor is somebody whose statements the signing gate believes, besides builders and
// rebuilders: a reviewer, a code review system, a scanner, a test service.
type Attestor struct {
	ID string `json:"id" yaml:"id"` // a person or a service, one entry each: a quorum counts these
	// Operator is the organisation that runs it; empty for a person.
	Operator string `json:"operator,omitempty" yaml:"operator"`
	// Predicates are the predicate types of what it may state.
	Predicates []string `json:"predicates" yaml:"predicates"`
	// Steps are the in-toto steps whose links it signs, where it states links.
	Steps []string `json:"steps,omitempty" yaml:"steps"`
	Keys  []string `json:"keys" yaml:"keys"` // PEM "PUBLIC KEY"
}

// DraftAttestor is an Attestor whose keys may lie in files.
type DraftAttestor struct {
	Attestor `yaml:",inline"`
	KeyFiles []string `yaml:"key_files"`
}

// validateAttestors checks those who state things beside builders. taken are the ids of
// builders and rebuilders: what one of them signs is not somebody else's word.
func (s Scope) validateAttestors(p *problems, at string, keys keyOwners) {
	p.scopeCount(at+".attestors", len(s.Attestors), 0)
	seen := unique{}
	for _, b := range s.Builders {
		seen[b.ID] = true
	}
	for _, r := range s.Rebuilders {
		seen[r.ID] = true
	}
	for i, a := range s.Attestors {
		at := fmt.Sprintf("%s.attestors[%d]", at, i)
		p.line(at+".id", a.ID)
		p.noWildcard(at+".id", a.ID)
		seen.add(p, CodeScope, at+".id", a.ID)
		if a.Operator != "" {
			p.line(at+".operator", a.Operator)
			p.noWildcard(at+".operator", a.Operator)
		}
		p.scopeCount(at+".predicates", len(a.Predicates), 1)
		p.names(at+".predicates", a.Predicates)
		p.names(at+".steps", a.Steps)
		keys.check(p, at+".keys", "attestor "+a.ID, a.Keys, 1)
	}
}
