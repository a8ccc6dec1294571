package attest

import (
	"encoding/json"
	"time"
)

// VSAType is the predicate type of a SLSA verification summary attestation.
const VSAType = "https://slsa.dev/verification_summary/v1"

// Results of a VSA.
const (
	Passed = "PASSED"
	Failed = "FAILED"
)

// VSA is a verification summary: a verifier says that artifacts meet levels of
// some policy, so that the next one need not look at the evidence again.
type VSA struct {
	Subjects          []Subject
	VerifierID        string            // URI, never empty
	VerifierVersions  map[string]string // component to version; in-toto's Go types v1.2.0 refuse it, so best left nil
	TimeVerified      time.Time         // may be zero when read, never when written
	ResourceURI       string            // what the artifact is to be used as, never empty
	Policy            ResourceDescriptor
	InputAttestations []ResourceDescriptor // the evidence relied on, with digests
	Result            string               // Passed or Failed
	VerifiedLevels    []string             // e.g. "SLSA_BUILD_LEVEL_3"
	DependencyLevels  map[string]uint64    // level to number of dependencies
	SLSAVersion       string
	// ConfirmBy makes a summary provisional: it verifies no level yet, and by then there
	// will be another one, or the certificate is revoked. Zero: it is final. Only one that
	// says PASSED and names no level may have it, so that who does not know the field is
	// not told more than holds.
	ConfirmBy time.Time
}

// ConfirmByField holds VSA.ConfirmBy in the predicate: an extension field, named by a
// URI as in-toto's parsing rules recommend. SLSA's consumers ignore it.
const ConfirmByField = "https://github.com/hallmark-pki/hallmark/confirm-by"

type vsaV1 struct {
	Verifier struct {
		ID      string            `json:"id"`
		Version map[string]string `json:"version,omitempty"`
	} `json:"verifier"`
	TimeVerified       time.Time            `json:"timeVerified"`
	ResourceURI        string               `json:"resourceUri"`
	Policy             ResourceDescriptor   `json:"policy"`
	InputAttestations  []ResourceDescriptor `json:"inputAttestations,omitempty"`
	VerificationResult string               `json:"verificationResult"`
	VerifiedLevels     []string             `json:"verifiedLevels"`
	DependencyLevels   map[string]uint64    `json:"dependencyLevels,omitempty"`
	SLSAVersion        string               `json:"slsaVersion,omitempty"`
	ConfirmBy          time.Time            `json:"https://github.com/hallmark-pki/hallmark/confirm-by,omitzero"`
}

// NewVSA writes a summary. It refuses what ParseVSA would refuse, and a zero time.
func NewVSA(v VSA) (Statement, error) {
	if v.TimeVerified.IsZero() {
		return Statement{}, refuse(BadPredicate, "predicate.timeVerified", "missing")
	}
	w := vsaV1{
		TimeVerified: v.TimeVerified.UTC(), ResourceURI: v.ResourceURI, Policy: v.Policy,
		InputAttestations: v.InputAttestations, VerificationResult: v.Result,
		VerifiedLevels: v.VerifiedLevels, DependencyLevels: v.DependencyLevels, SLSAVersion: v.SLSAVersion,
		ConfirmBy: v.ConfirmBy.UTC().Truncate(time.Second),
	}
	if w.VerifiedLevels == nil {
		w.VerifiedLevels = []string{}
	}
	w.Verifier.ID, w.Verifier.Version = v.VerifierID, v.VerifierVersions
	s, err := newStatement(v.Subjects, VSAType, w)
	if err != nil {
		return Statement{}, err
	}
	if _, err := ParseVSA(s); err != nil {
		return Statement{}, err
	}
	return s, nil
}

// ParseVSA reads the predicate of a summary v1. Errors: WrongType, BadPredicate.
func ParseVSA(s Statement) (VSA, error) {
	if s.PredicateType != VSAType {
		return VSA{}, refuse(WrongType, "predicateType", "%.64q is not %s", s.PredicateType, VSAType)
	}
	if err := CheckJSON(s.Predicate, MaxEnvelope, MaxDepth); err != nil {
		return VSA{}, err
	}
	var err error
	f := readFields(BadPredicate, "predicate", s.Predicate, &err)
	verifier := f.sub("verifier")
	v := VSA{
		Subjects: s.Subject, VerifierID: verifier.required("id"), VerifierVersions: verifier.texts("version", maxLevels),
		TimeVerified: f.time("timeVerified"), ResourceURI: f.required("resourceUri"),
		InputAttestations: f.descriptors("inputAttestations"), Result: f.required("verificationResult"),
		VerifiedLevels: f.levels("verifiedLevels"), DependencyLevels: f.counts("dependencyLevels"),
		SLSAVersion: f.text("slsaVersion"), ConfirmBy: f.time(ConfirmByField),
	}
	if f.raw(ConfirmByField) != nil && (v.ConfirmBy.IsZero() || v.Result != Passed || len(v.VerifiedLevels) > 0) {
		f.fail(f.at(ConfirmByField), "only a summary that passed without a level may be provisional, and it says until when")
	}
	if raw := f.raw("policy"); raw != nil {
		v.Policy = f.descriptor("predicate.policy", raw)
	} else {
		f.fail("predicate.policy", "missing")
	}
	if v.Result != Passed && v.Result != Failed {
		f.fail("predicate.verificationResult", "%.32q is neither PASSED nor FAILED", v.Result)
	}
	if err != nil {
		return VSA{}, err
	}
	return v, nil
}

func (f fields) levels(name string) []string {
	var out []string
	for _, raw := range f.list(name, maxLevels) {
		var s string
		f.decode(f.at(name), raw, &s)
		if s == "" || len(s) > maxString {
			f.fail(f.at(name), "a level is empty or too long")
		}
		out = append(out, s)
	}
	return out
}

func (f fields) counts(name string) map[string]uint64 {
	raw := f.raw(name)
	if raw == nil {
		return nil
	}
	var m map[string]json.Number
	f.decode(f.at(name), raw, &m)
	if len(m) > maxLevels {
		f.fail(f.at(name), "%d items, at most %d", len(m), maxLevels)
		return nil
	}
	out := make(map[string]uint64, len(m))
	for k, n := range m {
		var v uint64 // protojson writes 64-bit integers as strings: both forms are in use
		f.decode(f.at(name), []byte(n), &v)
		out[k] = v
	}
	return out
}
