package rebuild

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/store"
)

// taken are the predicate types of what a rebuilder may run on an artifact beside
// building it, or the beginnings of them, where versions follow. What could be taken for
// a builder's or a verifier's word is not among them.
var taken = []string{
	"https://in-toto.io/attestation/test-result/",
	"https://in-toto.io/attestation/vulns/",
	"https://spdx.dev/Document",
	"https://cyclonedx.org/bom",
}

// answer is an outcome whose envelopes have been judged.
type answer struct {
	outcome  string   // as in store.RebuildJob
	evidence []string // SHA-256 of each envelope, as the repository keeps it
}

// judge holds the envelopes of an outcome against the job that they answer. keys are
// what the audited scopes have for the job's rebuilder.
func judge(job store.RebuildJob, keys []crypto.PublicKey, envelopes [][]byte) (answer, *Refusal) {
	if refusal := checkSize(envelopes); refusal != nil {
		return answer{}, refusal
	}
	var a answer
	for i, raw := range envelopes {
		field := fmt.Sprintf("envelopes[%d]", i)
		statement, refusal := open(job, keys, raw)
		if refusal != nil {
			return answer{}, refusal.at(field)
		}
		switch {
		case i == 0:
			a.outcome, refusal = mainStatement(job, statement)
		case a.outcome != store.RebuildReproduced:
			refusal = refuse(CodePredicate, "", "what was run on something else says nothing about this artifact")
		case !slices.ContainsFunc(taken, func(t string) bool { return strings.HasPrefix(statement.PredicateType, t) }):
			refusal = refuse(CodePredicate, "", "predicate type %s is not taken beside an outcome", quote(statement.PredicateType))
		}
		if refusal != nil {
			return answer{}, refusal.at(field)
		}
		sum, err := lineDigest(raw)
		if err != nil {
			return answer{}, refuse(CodeEnvelope, "", "%v", err).at(field)
		}
		a.evidence = append(a.evidence, sum)
	}
	return a, nil
}

func checkSize(envelopes [][]byte) *Refusal {
	total := 0
	for _, raw := range envelopes {
		total += len(raw)
	}
	switch {
	case len(envelopes) == 0:
		return refuse(CodeEnvelope, "", "no envelope").at("envelopes")
	case len(envelopes) > MaxEnvelopes:
		return refuse(CodeEnvelope, "", "%d envelopes, at most %d", len(envelopes), MaxEnvelopes).at("envelopes")
	case total > maxOutcomeBytes:
		return refuse(CodeEnvelope, "refer to large reports by their digest", "%d bytes, at most %d", total, maxOutcomeBytes).at("envelopes")
	}
	return nil
}

// lineDigest names an envelope as the repository keeps it: without white space between
// its tokens.
func lineDigest(raw []byte) (string, error) {
	var line bytes.Buffer
	if err := json.Compact(&line, raw); err != nil {
		return "", err
	}
	sum := sha256.Sum256(line.Bytes())
	return hex.EncodeToString(sum[:]), nil
}

// open verifies an envelope and that it is about the job's artifact and nothing else: it
// is filed under whatever it names.
func open(job store.RebuildJob, keys []crypto.PublicKey, raw []byte) (attest.Statement, *Refusal) {
	if len(keys) == 0 {
		return attest.Statement{}, refuse(CodeSignature, "", "the audited scope has no key for this rebuilder")
	}
	opened, err := attest.Open(raw, keys...)
	var why *attest.Error
	switch {
	case attest.Is(err, attest.NotVerified):
		return attest.Statement{}, refuse(CodeSignature, "sign with the key that the auditor saw", "not signed with a key that the audited scope has for %s", quote(job.Rebuilder))
	case errors.As(err, &why):
		return attest.Statement{}, refuse(CodeEnvelope, "", "%v", why)
	case err != nil:
		return attest.Statement{}, refuse(CodeEnvelope, "", "%v", err)
	}
	if refusal := checkHints(raw, opened.Signers); refusal != nil {
		return attest.Statement{}, refusal
	}
	for _, s := range opened.Statement.Subject {
		if s.Digest["sha256"] != job.SHA256 {
			return attest.Statement{}, refuse(CodeSubject, "", "subject %s has not the SHA-256 %s of the job's artifact", quote(s.Name), job.SHA256)
		}
	}
	return opened.Statement, nil
}

// checkHints refuses an envelope that names a key which did not sign it. What is filed
// stays, and a signature in a builder's name that does not verify keeps clients, and so the
// gate where it asks what they find, from the artifact for good. A hint that is no key's id is
// nobody's name.
func checkHints(raw []byte, signers []string) *Refusal {
	u, err := attest.ParseEnvelope(raw)
	if err != nil {
		return refuse(CodeEnvelope, "", "%v", err)
	}
	for _, id := range u.KeyIDs {
		if isHex(id, 64) && !slices.Contains(signers, id) {
			return refuse(CodeSignature, "hand in what this rebuilder has signed, and nobody else", "it names key %s, which is none of this rebuilder's that signed it", id)
		}
	}
	return nil
}

// mainStatement reads the statement that says what came of the rebuild.
func mainStatement(job store.RebuildJob, s attest.Statement) (outcome string, refusal *Refusal) {
	switch s.PredicateType {
	case attest.ProvenanceV1:
		return store.RebuildReproduced, checkProvenance(job, s)
	case attest.RebuildFailureType:
		return checkFailure(job, s)
	}
	return "", refuse(CodePredicate, "", "predicate type %s is neither %s nor %s", quote(s.PredicateType), attest.ProvenanceV1, attest.RebuildFailureType)
}

func checkProvenance(job store.RebuildJob, s attest.Statement) *Refusal {
	p, err := attest.ParseProvenance(s)
	if err != nil {
		return refuse(CodePredicate, "", "%v", err)
	}
	var internal struct {
		Job string `json:"hallmarkJob"`
	}
	if len(p.InternalParameters) > 0 {
		// Another type of that name leaves Job empty, which is refused.
		if err := json.Unmarshal(p.InternalParameters, &internal); err != nil {
			return refuse(CodeJob, "", "internalParameters: %v", err)
		}
	}
	switch {
	case p.BuilderID != job.Rebuilder:
		return refuse(CodeBuilder, "", "builder.id is %s, not %s", quote(p.BuilderID), quote(job.Rebuilder))
	case internal.Job != job.ID:
		return refuse(CodeJob, "", "internalParameters.hallmarkJob is %s, not %s", quote(internal.Job), job.ID)
	}
	isSource := func(d attest.ResourceDescriptor) bool { return isSourceOf(job, d) }
	if !slices.ContainsFunc(p.Dependencies, isSource) || slices.ContainsFunc(p.Sources, func(d attest.ResourceDescriptor) bool { return !isSource(d) }) {
		return refuse(CodeCommit, "", "resolvedDependencies and source are not %s at %s", quote(job.SourceURI), job.SourceCommit)
	}
	return nil
}

func checkFailure(job store.RebuildJob, s attest.Statement) (outcome string, refusal *Refusal) {
	f, err := attest.ParseRebuildFailure(s)
	switch {
	case err != nil:
		return "", refuse(CodePredicate, "", "%v", err)
	case f.Rebuilder != job.Rebuilder:
		return "", refuse(CodeBuilder, "", "rebuilder is %s, not %s", quote(f.Rebuilder), quote(job.Rebuilder))
	case f.Job != job.ID:
		return "", refuse(CodeJob, "", "job is %s, not %s", quote(f.Job), job.ID)
	case !isSourceOf(job, f.Source):
		return "", refuse(CodeCommit, "", "source is not %s at %s", quote(job.SourceURI), job.SourceCommit)
	case f.Recipe != job.Recipe:
		return "", refuse(CodeDocument, "", "recipe is %s, not %s", quote(f.Recipe), job.Recipe)
	}
	return string(f.Reason), nil
}

func isSourceOf(job store.RebuildJob, d attest.ResourceDescriptor) bool {
	return sameRepository(d.URI, job.SourceURI) && commitOf(d) == job.SourceCommit
}
