package attest

import (
	"crypto/ed25519"
	"strings"
	"testing"
	"time"
)

// TestSignVSA compares with the way that takes any summary: the same bytes, the same
// refusals. Ed25519 signs the same bytes with the same signature.
func TestSignVSA(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signer, err := NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	digest := map[string]string{"sha256": strings.Repeat("ab", 32)}
	good := func() VSA {
		return VSA{
			Subjects: []Subject{{Name: "hello", Digest: digest}}, VerifierID: "https://ca.example.com/verifier", TimeVerified: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
			ResourceURI: "https://acme.example#hello", Policy: ResourceDescriptor{Name: "assessment", URI: "https://slsa.dev/spec/v0.1", Digest: digest},
			InputAttestations: []ResourceDescriptor{{Name: "provenance", URI: "https://acme.example/x", Digest: digest}, {URI: "https://acme.example/y"}},
			Result:            Passed, VerifiedLevels: []string{"SLSA_LEVEL_3", "X"}, SLSAVersion: "0.1",
		}
	}
	for _, c := range []struct {
		name  string
		plain bool
		edit  func(*VSA)
	}{
		{"usual", true, func(*VSA) {}},
		{"two digests, sorted", true, func(v *VSA) {
			v.Subjects[0].Digest = map[string]string{"sha512": strings.Repeat("c", 128), "sha256": strings.Repeat("ab", 32), "own": "Anything"}
		}},
		{"two subjects", true, func(v *VSA) { v.Subjects = append(v.Subjects, Subject{Digest: digest}) }},
		{"no inputs, no levels, no version", true, func(v *VSA) { v.InputAttestations, v.VerifiedLevels, v.SLSAVersion = nil, nil, "" }},
		{"provisional", true, func(v *VSA) {
			v.VerifiedLevels, v.ConfirmBy = nil, time.Date(2026, 3, 5, 0, 0, 0, 999, time.FixedZone("", 7200))
		}},
		{"failed", true, func(v *VSA) { v.Result = Failed }},
		{"fractions and a zone", true, func(v *VSA) { v.TimeVerified = time.Date(2026, 3, 4, 5, 6, 7, 120_000_000, time.FixedZone("", -3600)) }},
		{"policy by digest alone", true, func(v *VSA) { v.Policy = ResourceDescriptor{Digest: digest} }},
		{"name that is escaped", false, func(v *VSA) { v.Subjects[0].Name = `a"b\<c>&d` }},
		{"name that is no ASCII", false, func(v *VSA) { v.Subjects[0].Name = "größe\u2028" }},
		{"name that is no UTF-8", false, func(v *VSA) { v.Subjects[0].Name = "a\xffb" }},
		{"name with DEL", false, func(v *VSA) { v.Subjects[0].Name = "a\x7f" }},
		{"many inputs", false, func(v *VSA) {
			for range 40 {
				v.InputAttestations = append(v.InputAttestations, ResourceDescriptor{Name: "x"})
			}
		}},
		{"dependencies", false, func(v *VSA) { v.DependencyLevels = map[string]uint64{"SLSA_LEVEL_1": 3} }},
		{"media type", false, func(v *VSA) { v.Policy.MediaType = "text/plain" }},
		{"annotations", false, func(v *VSA) { v.Policy.Annotations = []byte(`{"a": 1}`) }},

		{"no time", false, func(v *VSA) { v.TimeVerified = time.Time{} }},
		{"no verifier", false, func(v *VSA) { v.VerifierID = "" }},
		{"no resource", false, func(v *VSA) { v.ResourceURI = "" }},
		{"no policy", false, func(v *VSA) { v.Policy = ResourceDescriptor{} }},
		{"no subject", false, func(v *VSA) { v.Subjects = nil }},
		{"subject without digest", false, func(v *VSA) { v.Subjects[0].Digest = nil }},
		{"digest of the wrong length", false, func(v *VSA) { v.Subjects[0].Digest = map[string]string{"sha256": "ab"} }},
		{"digest in capitals", false, func(v *VSA) { v.Subjects[0].Digest = map[string]string{"sha256": strings.Repeat("AB", 32)} }},
		{"input without anything", false, func(v *VSA) { v.InputAttestations[0] = ResourceDescriptor{} }},
		{"neither passed nor failed", false, func(v *VSA) { v.Result = "MAYBE" }},
		{"empty level", false, func(v *VSA) { v.VerifiedLevels[0] = "" }},
		{"provisional with a level", false, func(v *VSA) { v.ConfirmBy = v.TimeVerified }},
		{"name too long", false, func(v *VSA) { v.Subjects[0].Name = strings.Repeat("a", maxString+1) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := good()
			c.edit(&v)
			var want []byte
			statement, wantErr := NewVSA(v)
			if wantErr == nil {
				want, wantErr = SignStatement(t.Context(), statement, key)
			}
			got, err := signer.SignVSA(t.Context(), v)
			if string(got) != string(want) || (err == nil) != (wantErr == nil) || err != nil && err.Error() != wantErr.Error() {
				t.Errorf("got  %s, %v\nwant %s, %v", got, err, want, wantErr)
			}
			if _, plain := v.appendPlain(nil); plain != c.plain {
				t.Errorf("plain: %v, want %v", plain, c.plain)
			}
		})
	}
}
