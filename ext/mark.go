package ext

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
)

// Mark is all that a certificate says about its holder's assurance.
type Mark struct {
	Assurance  Assurance
	Repository AttestationRepository
}

// Extensions returns the two extensions of a mark, both non-critical. The certificate
// also needs Policies(m.Assurance.Claims), or ReadMark will refuse it. The error is a
// *ParseError.
func (a Arc) Extensions(m Mark) ([]pkix.Extension, error) {
	if a.IsZero() {
		return nil, refuse(ReasonArc, "arc", "unset")
	}
	assurance, err := m.Assurance.Marshal()
	if err != nil {
		return nil, err
	}
	repository, err := m.Repository.Marshal()
	if err != nil {
		return nil, err
	}
	return []pkix.Extension{
		{Id: a.Assurance(), Value: assurance},
		{Id: a.AttestationRepository(), Value: repository},
	}, nil
}

// ReadMark reads the mark of a certificate that crypto/x509 parsed. It refuses one that
// lacks either extension, has any extension twice or one of ours critical, whose mark is
// malformed, or whose policies say something else than its claims: every claim and every
// lower level must have its policy, no policy under arc.3 may be without a claim, and
// anyPolicy may not be there. Other policies and other OIDs below the arc are none of
// our business. It does not check any signature or date: a mark means something only on a
// certificate whose chain has been verified. The error is a *ParseError; ReasonAbsent
// tells a certificate without a mark from one with a bad mark.
func (a Arc) ReadMark(cert *x509.Certificate) (Mark, error) {
	m, _, err := a.ReadMarkPolicies(cert)
	return m, err
}

// ReadMarkPolicies is ReadMark, and returns Policies of the claims too.
func (a Arc) ReadMarkPolicies(cert *x509.Certificate) (Mark, []x509.OID, error) {
	if a.IsZero() {
		return Mark{}, nil, refuse(ReasonArc, "arc", "unset")
	}
	if err := checkOnce(cert.Extensions); err != nil {
		return Mark{}, nil, err
	}
	var m Mark
	value, err := markExtension(cert.Extensions, a.Assurance(), "assurance")
	if err != nil {
		return Mark{}, nil, err
	}
	if m.Assurance, err = ParseAssurance(value); err != nil {
		return Mark{}, nil, err
	}
	value, err = markExtension(cert.Extensions, a.AttestationRepository(), "attestationRepository")
	if err != nil {
		return Mark{}, nil, err
	}
	if m.Repository, err = ParseAttestationRepository(value); err != nil {
		return Mark{}, nil, err
	}
	want, err := a.policies(m.Assurance.Claims)
	if err != nil {
		return Mark{}, nil, err
	}
	if err := a.checkPolicies(cert.Policies, want); err != nil {
		return Mark{}, nil, err
	}
	return m, oids(want), nil
}

// fewExtensions are compared with each other; more go through a map, or a hostile
// certificate would cost the square of their number.
const fewExtensions = 16

// checkOnce refuses a repeated extension (RFC 5280 §4.2). crypto/x509 does so too when it
// parses; a certificate from another parser, or a later version, may not have been asked.
func checkOnce(extensions []pkix.Extension) error {
	if len(extensions) <= fewExtensions {
		for i, e := range extensions {
			if slices.ContainsFunc(extensions[:i], func(before pkix.Extension) bool { return before.Id.Equal(e.Id) }) {
				return refuse(ReasonTwice, "extensions", "%s stands twice", e.Id)
			}
		}
		return nil
	}
	seen := make(map[string]bool, len(extensions))
	for _, e := range extensions {
		id := e.Id.String()
		if seen[id] {
			return refuse(ReasonTwice, "extensions", "%s stands twice", id)
		}
		seen[id] = true
	}
	return nil
}

// markExtension returns the value of one of our extensions.
func markExtension(extensions []pkix.Extension, id asn1.ObjectIdentifier, field string) ([]byte, error) {
	for _, e := range extensions {
		if !e.Id.Equal(id) {
			continue
		}
		if e.Critical {
			return nil, refuse(ReasonCritical, field, "%s is critical", id)
		}
		return e.Value, nil
	}
	return nil, refuse(ReasonAbsent, field, "no extension %s", id)
}

// CheckPolicies compares the policies of a certificate with its claims, as ReadMark does.
// The error is a *ParseError.
func (a Arc) CheckPolicies(policies []x509.OID, claims []Claim) error {
	want, err := a.policies(claims)
	if err != nil {
		return err
	}
	return a.checkPolicies(policies, want)
}

// checkPolicies compares the policies of a certificate with those of its claims.
func (a Arc) checkPolicies(policies []x509.OID, want []policy) error {
	const field = "certificatePolicies"
	pending := make(map[string]bool, len(want)) // policy: not seen yet
	for _, p := range want {
		pending[string(p.der)] = true
	}
	root, err := a.policyOID()
	if err != nil {
		return err
	}
	prefix, anyPolicy := oidDER(root), AnyPolicy()
	for _, p := range policies {
		der := oidDER(p)
		missing, claimed := pending[string(der)]
		switch {
		case p.EqualASN1OID(anyPolicy):
			return refuse(ReasonAnyPolicy, field, "%s", p)
		case claimed && !missing:
			return refuse(ReasonPolicyTwice, field, "%s", p)
		case claimed:
			pending[string(der)] = false
		case bytes.HasPrefix(der, prefix): // subidentifiers delimit themselves
			return refuse(ReasonPolicyUnexplained, field, "%s", p)
		}
	}
	for _, p := range want {
		if pending[string(p.der)] {
			return refuse(ReasonPolicyMissing, field, "%s", p.oid)
		}
	}
	return nil
}
