package attest

import (
	"context"
	"crypto/elliptic"
	"testing"

	"github.com/google/go-cmp/cmp"
	provenancev1 "github.com/in-toto/attestation/go/predicates/provenance/v1"
	vsav1 "github.com/in-toto/attestation/go/predicates/vsa/v1"
	statementv1 "github.com/in-toto/attestation/go/v1"
	"google.golang.org/protobuf/encoding/protojson"
)

// What we write must be what in-toto's own types read: protojson refuses unknown
// fields, and Validate checks what the schema cannot say.
func inToto(t *testing.T, s Statement) *statementv1.Statement {
	t.Helper()
	raw := sign(t, s, ecKey(t, elliptic.P256()))
	u, err := ParseEnvelope(raw)
	if err != nil {
		t.Fatal(err)
	}
	var st statementv1.Statement
	if err := protojson.Unmarshal(u.Payload, &st); err != nil {
		t.Fatalf("in-toto refuses the statement: %v\n%s", err, u.Payload)
	}
	if err := st.Validate(); err != nil {
		t.Fatalf("in-toto finds the statement invalid: %v\n%s", err, u.Payload)
	}
	if got := st.GetSubject()[0].GetDigest()["sha256"]; got != digest {
		t.Errorf("in-toto reads the subject's digest as %q", got)
	}
	return &st
}

func TestInTotoReadsProvenance(t *testing.T) {
	s, err := NewProvenanceV1(sampleBuild())
	if err != nil {
		t.Fatal(err)
	}
	inToto(t, s)
	var p provenancev1.Provenance
	if err := protojson.Unmarshal(s.Predicate, &p); err != nil {
		t.Fatalf("in-toto refuses the predicate: %v\n%s", err, s.Predicate)
	}
	if err := p.Validate(); err != nil {
		t.Fatalf("in-toto finds the predicate invalid: %v\n%s", err, s.Predicate)
	}
	if p.GetRunDetails().GetBuilder().GetId() != "https://builder.example.com/1" || len(p.GetBuildDefinition().GetResolvedDependencies()) != 2 {
		t.Errorf("in-toto reads another provenance: %v", &p)
	}
}

func TestInTotoReadsVSA(t *testing.T) {
	ours := sampleVSA()
	ours.VerifierVersions = nil
	s, err := NewVSA(ours)
	if err != nil {
		t.Fatal(err)
	}
	inToto(t, s)
	var v vsav1.VerificationSummary
	if err := protojson.Unmarshal(s.Predicate, &v); err != nil {
		t.Fatalf("in-toto refuses the predicate: %v\n%s", err, s.Predicate)
	}
	if v.GetVerificationResult() != Passed || !v.GetTimeVerified().AsTime().Equal(noon) || v.GetDependencyLevels()["SLSA_BUILD_LEVEL_1"] != 5 {
		t.Errorf("in-toto reads another summary: %v", &v)
	}
	// and the other way round: what in-toto writes (64-bit numbers as strings) we read
	raw, err := protojson.Marshal(&v)
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseVSA(Statement{PredicateType: VSAType, Subject: s.Subject, Predicate: raw})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(ours, back); d != "" {
		t.Error(d)
	}
}

func TestInTotoWritesStatement(t *testing.T) {
	st := inToto(t, sample(t))
	raw, err := protojson.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	k := ecKey(t, elliptic.P256())
	env, err := Sign(context.Background(), PayloadType, raw, k)
	if err != nil {
		t.Fatal(err)
	}
	o, err := Open(env, k.Public())
	if err != nil {
		t.Fatal(err)
	}
	if !o.Statement.Covers("sha256", digest) || string(o.Payload) != string(raw) {
		t.Error("in-toto's statement changed on the way")
	}
}
