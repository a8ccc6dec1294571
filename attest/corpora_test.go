package attest

import (
	"crypto"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/test/corpora"
)

// TestCorporaSLSA opens every envelope in the SLSA verifier's test data with the
// key that came with it, and records what came of it: a change in what we accept
// shows as a change of these lists. Everything not listed opened. Of the refused
// ones that the SLSA verifier accepts, Cloud Build's older envelopes (gcb-unit,
// gcb_container) are signed without PAE, which DSSE forbids, and npm's publish
// attestations and the container's come without their keys.
func TestCorporaSLSA(t *testing.T) {
	dir := corpora.Folder(t, "slsa")
	gcb := readKeys(t, filepath.Join(dir, "gcb-keys", "*.key"))
	vsa := readKeys(t, filepath.Join(dir, "vsa", "gce", "v1", "*.pem"))
	refused, opened, types := map[Reason][]string{}, 0, map[string]int{}
	for _, f := range corpora.Envelopes(t, dir) {
		o, err := Open(f.Raw, slices.Concat(f.Keys(), gcb, vsa)...)
		if err != nil {
			reason := Reason("other")
			if e := new(Error); asError(err, &e) {
				reason = e.Reason
			}
			refused[reason] = append(refused[reason], f.File)
			continue
		}
		opened++
		what := predicateKind(o.Statement)
		types[what]++
	}
	got, err := json.MarshalIndent(map[string]any{"opened": opened, "kinds": types, "refused": refused}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/corpora-slsa.json", append(got, '\n'))
}

func asError(err error, e **Error) bool {
	x, ok := err.(*Error)
	if ok {
		*e = x
	}
	return ok
}

func predicateKind(s Statement) string {
	if p, err := ParseProvenance(s); err == nil {
		return "provenance v" + p.Version
	} else if !Is(err, WrongType) {
		return "refused " + err.Error()
	}
	if _, err := ParseVSA(s); err == nil {
		return "summary"
	}
	return s.PredicateType
}

func readKeys(t *testing.T, pattern string) []crypto.PublicKey {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no key at %s: %v", pattern, err)
	}
	var out []crypto.PublicKey
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		k, err := ParsePublicKey(string(raw))
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out = append(out, k)
	}
	return out
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s differs (run with -update and review):\n%s", file, d)
	}
}
