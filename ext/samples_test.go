package ext

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "remake the golden files and the generated parts of hallmark.asn1 and docs/oids.md")

const (
	slsaURI = "https://slsa.dev/spec/v0.1/"
	cncfURI = "https://example.com/cncf/sscp/v1"
)

// sampleClaim is SLSA v0.1 level n with an assessment of its own.
func sampleClaim(n int) Claim {
	return Claim{
		Framework: slsaURI, Track: "slsa", Level: n, LevelID: fmt.Sprintf("SLSA_LEVEL_%d", n),
		Assessment: sampleRef(),
	}
}

func sampleRef() AssessmentRef {
	return AssessmentRef{
		Payload:    sha256.Sum256([]byte("assessment")),
		Auditor:    sha256.Sum256([]byte("auditor")),
		AssessedAt: time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC),
		ValidUntil: time.Date(2027, 9, 1, 12, 0, 0, 0, time.UTC),
		LogOrigin:  "log.example.com/assessments",
		LogIndex:   1234,
	}
}

// richMark uses every field: two ladders, properties, no level token, two URLs.
func richMark() Mark {
	slsa := sampleClaim(3)
	slsa.Properties = []string{"SLSA_BUILD_REPRODUCED", "SLSA_SOURCE_TWO_PARTY_REVIEWED"}
	cncf := sampleClaim(2)
	cncf.Framework, cncf.Track, cncf.LevelID = cncfURI, "assurance", ""
	cncf.Assessment.LogIndex = 0
	return Mark{
		Assurance:  Assurance{[]Claim{slsa, cncf}},
		Repository: AttestationRepository{[]string{"https://attest.example.com/acme", "https://mirror.example.net:8443/acme/"}},
	}
}

func plainMark(level int) Mark {
	return Mark{
		Assurance:  Assurance{[]Claim{sampleClaim(level)}},
		Repository: AttestationRepository{[]string{"https://attest.example.com/acme"}},
	}
}

func sampleStaple() Staple {
	return Staple{
		VSA:      []byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[]}`),
		Receipts: [][]byte{[]byte("c2sp.org/tlog-proof@v1\nindex 0\n"), []byte("c2sp.org/tlog-proof@v1\nindex 1\n")},
		CRLs:     [][]byte{{0x30, 0x00}},
	}
}

// largestMark has every list and text at its bound.
func largestMark() Mark {
	var m Mark
	for i := range MaxClaims {
		c := sampleClaim(MaxLevel)
		c.Framework = fill("https://example.com/", MaxURILength)
		c.Track = fill(fmt.Sprintf("track%02d", i), MaxTokenLength)
		c.LevelID = fill("L", MaxTokenLength)
		for j := range MaxProperties {
			c.Properties = append(c.Properties, fill(fmt.Sprintf("P%d", j), MaxTokenLength))
		}
		c.Assessment.LogOrigin = fill("log.example.com/", MaxOriginLength)
		c.Assessment.LogIndex = MaxLogIndex
		m.Assurance.Claims = append(m.Assurance.Claims, c)
	}
	for i := range MaxURLs {
		m.Repository.URLs = append(m.Repository.URLs, fill(fmt.Sprintf("https://attest%d.example.com/", i), MaxURLLength))
	}
	return m
}

// fill pads s with 'x' to n bytes.
func fill(s string, n int) string { return s + strings.Repeat("x", n-len(s)) }

// codec is one of the three objects with its type erased.
type codec struct {
	name  string
	again func(der []byte) ([]byte, error) // parse, then marshal
}

func codecs() []codec {
	return []codec{
		{"assurance", func(der []byte) ([]byte, error) {
			v, err := ParseAssurance(der)
			if err != nil {
				return nil, err
			}
			return v.Marshal()
		}},
		{"attestationRepository", func(der []byte) ([]byte, error) {
			v, err := ParseAttestationRepository(der)
			if err != nil {
				return nil, err
			}
			return v.Marshal()
		}},
		{"staple", func(der []byte) ([]byte, error) {
			v, err := ParseStaple(der)
			if err != nil {
				return nil, err
			}
			return v.Marshal()
		}},
	}
}

// must returns v, or ends the test.
func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// wantRefusal fails unless err is a ParseError with exactly this reason and field.
func wantRefusal(t *testing.T, err error, reason Reason, field string) {
	t.Helper()
	var pe *ParseError
	if !errors.As(err, &pe) {
		t.Fatalf("error %v, want a ParseError %s at %s", err, reason, field)
	}
	if pe.Reason != reason || pe.Field != field {
		t.Fatalf("refused with %q, want %s at %s", err, reason, field)
	}
	if pe.Detail == "" || strings.ContainsAny(err.Error(), "\n\x00") {
		t.Fatalf("error %q has no detail, or raw outside text", err)
	}
}

func sameBytes(t *testing.T, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Fatalf("got\n%s\nwant\n%s", hex.Dump(got), hex.Dump(want))
	}
}
