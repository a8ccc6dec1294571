package proof

import (
	"slices"

	"github.com/hallmark-pki/hallmark/verify"
)

// Step is one part of a judgement, for people.
type Step struct {
	Name    string
	About   string // what it asks
	Outcome string
	Reasons []verify.Reason
	Notes   []verify.Reason
}

// Outcomes of a step.
const (
	Holds      = "holds"
	Refused    = "refused"
	NotKnown   = "not known"
	NotReached = "not reached"
	Forgiven   = "not told: an exception let the file pass"
)

const setting = "setting"

// stage says which codes belong to a step, and whether a refusal there ends the judgement.
type stage struct {
	name, about string
	ends        bool
	codes       []verify.Code
}

// stages are the steps in the order of package verify's documentation.
func stages() []stage {
	return []stage{
		{setting, "trust bundle, status bundle and policy can be used", true, []verify.Code{
			verify.TrustUnusable, verify.PolicyUnusable, verify.StatusUnusable, verify.InternalError, verify.Canceled, verify.NoteBuiltInPolicy, verify.NoteException}},
		{"file", "the file is whole, and its signature is where it belongs", true, []verify.Code{
			verify.FileUnreadable, verify.Unsigned, verify.ContainerMalformed, verify.DataAfterSignature, verify.TwoSignatures, verify.PackageUnreadable, verify.UnsignedContent,
			verify.FileReplaceable, verify.PackageMismatch}},
		{"signature", "the signature is over this file, by the key of the certificate that it names", true, []verify.Code{
			verify.SignatureMalformed, verify.SignatureTooLarge, verify.NotDetached, verify.SignerCount, verify.ContentType, verify.AttributeMissing,
			verify.AttributeDuplicate, verify.AttributeMalformed, verify.AlgorithmRefused, verify.AlgorithmProtection, verify.SigningCertificate,
			verify.SignerUnknown, verify.SigningTime, verify.DigestMismatch, verify.SignatureInvalid, verify.StapleMalformed}},
		{"timestamp", "a trusted authority says when it was made", true, []verify.Code{
			verify.TimestampMissing, verify.TimestampMalformed, verify.TimestampMismatch, verify.TimestampUntrusted, verify.TimestampCertificate, verify.NotYetSigned, verify.NoteNoTimestamp}},
		{"chain", "the certificate leads to a root of the trust bundle, all of it in force at that time", true, []verify.Code{
			verify.ChainUntrusted, verify.ChainExpired, verify.CriticalExtension, verify.NameConstraint, verify.PolicyConstraint, verify.IssuerUnfit, verify.SignerUnfit, verify.KeyWeak}},
		{"revocation", "nothing on the way was revoked for that time", false, []verify.Code{
			verify.Revoked, verify.IssuerRevoked, verify.TimestampRevoked, verify.RevocationUnknown, verify.RevocationStale, verify.ClockBehind,
			verify.NoteRevocationUnchecked, verify.NoteRevokedLater, verify.NoteStatusAging}},
		{"mark", "the certificate's claims are within its tier, and their assessments were in force", false, []verify.Code{
			verify.MarkMissing, verify.MarkInvalid, verify.TierCeiling, verify.AssessmentExpired, verify.AssessmentWithdrawn, verify.AssessmentUnknown, verify.NoteAssessmentEnded}},
		{"policy", "the claims are what this machine demands", false, []verify.Code{verify.RequirementUnmet}},
		{"evidence", "what this machine wants to see beyond the certificate is there", false, []verify.Code{
			verify.SummaryMissing, verify.SummaryInvalid, verify.SummaryFailed, verify.ReceiptMissing, verify.ReceiptInvalid, verify.NotConfirmed,
			verify.ConfirmationOverdue, verify.EvidenceUnavailable, verify.NoteProvisional}},
	}
}

// Steps takes a verdict apart. What comes after a refusal that ends the judgement was not
// reached; a code of a later release stands with the last step.
func Steps(v verify.Verdict) []Step {
	forgiven := slices.ContainsFunc(v.Notes, func(n verify.Reason) bool { return n.Code == verify.NoteException })
	var out []Step
	ended := false
	for _, s := range stages() {
		step := Step{Name: s.name, About: s.about, Outcome: Holds}
		for _, r := range v.Reasons {
			if stageOf(r.Code, v) == s.name {
				step.Reasons = append(step.Reasons, r)
			}
		}
		for _, n := range v.Notes {
			if stageOf(n.Code, v) == s.name {
				step.Notes = append(step.Notes, n)
			}
		}
		switch {
		case slices.ContainsFunc(step.Reasons, func(r verify.Reason) bool { return r.Code.Outcome() == verify.NotValid }):
			step.Outcome = Refused
		case len(step.Reasons) > 0:
			step.Outcome = NotKnown
		case ended || !s.reached(v):
			step.Outcome = NotReached
		case forgiven && s.name != setting:
			step.Outcome = Forgiven
		}
		ended = ended || s.ends && len(step.Reasons) > 0
		out = append(out, step)
	}
	return out
}

// stageOf is the step that a code belongs to.
func stageOf(c verify.Code, v verify.Verdict) string {
	// A clock that is behind is seen at the timestamp or at the CRLs, which come later.
	if c == verify.ClockBehind && v.Vendor == "" {
		return "timestamp"
	}
	all := stages()
	i := slices.IndexFunc(all, func(s stage) bool { return slices.Contains(s.codes, c) })
	if i < 0 {
		i = len(all) - 1
	}
	return all[i].name
}

// reached tells from what a verdict knows how far the judgement came.
func (s stage) reached(v verify.Verdict) bool {
	switch s.name {
	case "revocation", "mark":
		return v.Vendor != "" || v.Outcome == verify.Valid
	case "policy", "evidence":
		return len(v.Claims) > 0 || v.Outcome == verify.Valid
	}
	return true
}
