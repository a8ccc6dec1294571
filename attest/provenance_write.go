package attest

import (
	"encoding/json"
	"time"
)

// Build is what a builder knows when it writes provenance v1.
type Build struct {
	Subjects  []Subject
	BuilderID string // URI
	BuildType string // URI
	// Source is what the build was started from. It is written as
	// externalParameters.source and as the first resolved dependency.
	Source ResourceDescriptor
	// ExternalParameters are the other parameters under the vendor's control; a
	// JSON object or nil. The name "source" is taken.
	ExternalParameters json.RawMessage
	InternalParameters json.RawMessage      // a JSON object or nil
	Dependencies       []ResourceDescriptor // without Source
	InvocationID       string
	StartedOn          time.Time // zero: not written
	FinishedOn         time.Time
}

type provenanceV1 struct {
	BuildDefinition buildDefinition `json:"buildDefinition"`
	RunDetails      runDetails      `json:"runDetails"`
}

type buildDefinition struct {
	BuildType            string                     `json:"buildType"`
	ExternalParameters   map[string]json.RawMessage `json:"externalParameters"`
	InternalParameters   json.RawMessage            `json:"internalParameters,omitempty"`
	ResolvedDependencies []ResourceDescriptor       `json:"resolvedDependencies,omitempty"`
}

type runDetails struct {
	Builder struct {
		ID string `json:"id"`
	} `json:"builder"`
	Metadata struct {
		InvocationID string    `json:"invocationId,omitempty"`
		StartedOn    time.Time `json:"startedOn,omitzero"`
		FinishedOn   time.Time `json:"finishedOn,omitzero"`
	} `json:"metadata,omitzero"`
}

// NewProvenanceV1 writes a build down as SLSA provenance v1. It refuses what
// ParseStatement or ParseProvenance would refuse, and a Source without URI.
func NewProvenanceV1(b Build) (Statement, error) {
	if b.Source.URI == "" || len(b.Source.Digest) == 0 {
		return Statement{}, refuse(BadPredicate, "source", "needs a URI and a digest")
	}
	params := map[string]json.RawMessage{}
	if len(b.ExternalParameters) > 0 {
		if err := json.Unmarshal(b.ExternalParameters, &params); err != nil || params == nil {
			return Statement{}, &Error{Reason: BadPredicate, Field: "externalParameters", Detail: "not an object", Err: err}
		}
	}
	if _, taken := params["source"]; taken {
		return Statement{}, refuse(BadPredicate, "externalParameters.source", "is written from Source")
	}
	src, err := json.Marshal(b.Source)
	if err != nil {
		return Statement{}, &Error{Reason: BadPredicate, Field: "source", Err: err}
	}
	params["source"] = src
	p := provenanceV1{BuildDefinition: buildDefinition{
		BuildType: b.BuildType, ExternalParameters: params, InternalParameters: b.InternalParameters,
		ResolvedDependencies: append([]ResourceDescriptor{b.Source}, b.Dependencies...),
	}}
	p.RunDetails.Builder.ID = b.BuilderID
	p.RunDetails.Metadata.InvocationID = b.InvocationID
	p.RunDetails.Metadata.StartedOn = b.StartedOn.UTC()
	p.RunDetails.Metadata.FinishedOn = b.FinishedOn.UTC()
	s, err := newStatement(b.Subjects, ProvenanceV1, p)
	if err != nil {
		return Statement{}, err
	}
	if _, err := ParseProvenance(s); err != nil {
		return Statement{}, err
	}
	return s, nil
}

// newStatement builds a v1 statement and reads it back, so that what is returned
// is what a reader will see.
func newStatement(subjects []Subject, predicateType string, predicate any) (Statement, error) {
	raw, err := json.Marshal(predicate)
	if err != nil {
		return Statement{}, &Error{Reason: BadPredicate, Err: err}
	}
	s := Statement{Type: StatementType, Subject: subjects, PredicateType: predicateType, Predicate: raw}
	payload, err := s.Marshal()
	if err != nil {
		return Statement{}, err
	}
	return ParseStatement(payload)
}

// NewStatement makes a statement v1 with any predicate that marshals to a JSON
// object; refusals are those of ParseStatement.
func NewStatement(subjects []Subject, predicateType string, predicate any) (Statement, error) {
	return newStatement(subjects, predicateType, predicate)
}
