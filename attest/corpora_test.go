package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/hallmark-pki/hallmark/test/corpora"
)

// found is an envelope somewhere in a file of others: alone, in a bundle, in a
// registry's answer.
// keys are the keys that come with an envelope: no statement about whom they belong
// to, which is not this package's business.
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
	for _, f := range findEnvelopes(t, dir) {
		o, err := Open(f.raw, slices.Concat(f.keys(), gcb, vsa)...)
		if err != nil {
			reason := Reason("other")
			if e := new(Error); asError(err, &e) {
				reason = e.Reason
			}
			refused[reason] = append(refused[reason], f.file)
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

type slsaCase struct {
	Name           string   `json:"name"`
	Artifacts      []string `json:"artifacts"`
	Source         string   `json:"source"`
	Branch         string   `json:"pbranch"`
	Tag            string   `json:"ptag"`
	BuilderID      string   `json:"pBuilderID"`
	NoVersion      bool     `json:"noversion"`
	ProvenancePath string   `json:"provenancePath"`
	Builders       []string `json:"builders"`
	Err            string   `json:"err"`
	Inputs         map[string]string
}

// TestCorporaSLSAViews holds the provenance view against what the SLSA verifier's
// tests expect to find: artifact, source repository, branch. Who the builder is
// stands in the certificates there, so cases about that are not ours.
func TestCorporaSLSAViews(t *testing.T) {
	dir := corpora.Folder(t, "slsa")
	var table struct {
		Cases map[string][]slsaCase `json:"cases"`
	}
	readJSON(t, filepath.Join(dir, "expectations.json"), &table)
	var kept artefacts
	readJSON(t, filepath.Join(dir, "artefact-digests.json"), &kept)
	checked, wrongSource := 0, 0
	for _, c := range table.Cases["github-actions"] {
		if c.BuilderID != "" || len(c.Artifacts) == 0 {
			continue
		}
		for _, file := range provenanceFiles(dir, c) {
			p, ok := openView(t, file)
			if !ok {
				continue
			}
			checked++
			match := matches(t, dir, file, kept, c, p)
			switch c.Err {
			case "":
				if match != "" {
					t.Errorf("%s: %s: %s", c.Name, file, match)
				}
			case "ErrorMismatchSource":
				wrongSource++
				if match != "source" {
					t.Errorf("%s: %s: the wrong source went unnoticed (%s)", c.Name, file, match)
				}
			case "ErrorMismatchHash":
				if match != "artifact" {
					t.Errorf("%s: %s: another artifact went unnoticed (%s)", c.Name, file, match)
				}
			}
		}
	}
	if checked < 100 || wrongSource == 0 {
		t.Errorf("%d cases checked, %d of them with a wrong source: the table was not read as meant", checked, wrongSource)
	}
}

func provenanceFiles(dir string, c slsaCase) []string {
	name := c.Artifacts[0] + ".intoto.jsonl"
	if c.ProvenancePath != "" {
		name = c.ProvenancePath
	}
	patterns := []string{name}
	if !c.NoVersion {
		patterns = []string{"gha_go/*/" + name, "gha_generic/*/" + name}
	}
	var out []string
	for _, p := range patterns {
		l, _ := filepath.Glob(filepath.Join(dir, filepath.FromSlash(p))) // the pattern is ours
		out = append(out, l...)
	}
	return out
}

func openView(t *testing.T, file string) (Provenance, bool) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f := found{raw: bytes.TrimSpace(raw)}
	o, err := Open(f.raw, f.keys()...)
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return Provenance{}, false
	}
	p, err := ParseProvenance(o.Statement)
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return Provenance{}, false
	}
	return p, true
}

// artefacts are the digests of files that are not kept beside their provenance.
type artefacts struct {
	Files map[string]struct {
		SHA256 string `json:"sha256"`
	} `json:"files"`
}

func (a artefacts) digest(dir, path string) string {
	if raw, err := os.ReadFile(path); err == nil {
		sum := sha256.Sum256(raw)
		return hex.EncodeToString(sum[:])
	}
	rel, _ := filepath.Rel(dir, path)
	return a.Files[filepath.ToSlash(rel)].SHA256
}

// matches returns what in the view does not fit the case: "", "source", "artifact"
// or "branch". An artifact of which not even the digest is known fits nothing.
func matches(t *testing.T, dir, file string, kept artefacts, c slsaCase, p Provenance) string {
	t.Helper()
	if len(p.Sources) != 1 {
		return "source"
	}
	repo, ref := SplitSource(p.Sources[0].URI)
	if repo != "https://"+c.Source {
		return "source"
	}
	s := Statement{Subject: p.Subjects}
	for _, a := range c.Artifacts {
		if !s.Covers("sha256", kept.digest(dir, filepath.Join(filepath.Dir(file), a))) {
			return "artifact"
		}
	}
	if c.Branch != "" && ref != "refs/heads/"+c.Branch {
		return "branch"
	}
	return ""
}

// TestCorporaDSSE: the protocol's vector, and envelopes of sigstore's projects.
func TestCorporaDSSE(t *testing.T) {
	dir := corpora.Folder(t, "dsse")
	var v struct {
		Body        string `json:"serialized_body"`
		PayloadType string `json:"payload_type"`
		PAE         string `json:"pae"`
		Key         struct{ X, Y json.Number }
		Envelope    json.RawMessage
	}
	readJSON(t, filepath.Join(dir, "protocol-vector.json"), &v)
	if got := string(dsse.PAE(v.PayloadType, []byte(v.Body))); got != v.PAE {
		t.Errorf("PAE %q, want %q", got, v.PAE)
	}
	pub := &ecdsa.PublicKey{Curve: elliptic.P256(), X: bigInt(t, v.Key.X), Y: bigInt(t, v.Key.Y)}
	for name, raw := range map[string][]byte{"as published": v.Envelope, "in DER": damage(t, v.Envelope, inDER(t))} {
		o, err := OpenPayload(raw, v.PayloadType, pub)
		if err != nil || string(o.Payload) != v.Body {
			t.Errorf("the vector %s: %q, %v", name, o.Payload, err)
		}
		_, err = OpenPayload(damage(t, raw, func(e *envelope) { e.Payload = "SGVsbG8gd29ybGQ=" }), v.PayloadType, pub)
		wantReason(t, err, NotVerified)
	}

	one := readKeys(t, filepath.Join(dir, "rekor", "intoto_dsse.pem"))
	weak, err := os.ReadFile(filepath.Join(dir, "rekor", "intoto_multi_pub2.pem"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = ParsePublicKey(string(weak)) // RSA-2048: stricter
	wantReason(t, err, BadKey)
	want := map[string]Reason{
		"rekor/intoto_dsse.json#0":       "", // with its key
		"rekor/intoto_multi_dsse.json#0": "", // two signers, we have the key of one (the other's is RSA-2048)
		// two identical signatures and the certificate that made them: opens, one signer
		"sigstore-go/dsse-2sigs.sigstore.json#0":                   "",
		"sigstore-go/dsse.sigstore.json#0":                         "",
		"sigstore-go/sigstore.js@2.0.0-provenance.sigstore.json#0": "",
		"protocol-vector.json#0":                                   WrongPayload,
	}
	for _, f := range findEnvelopes(t, dir) {
		o, err := Open(f.raw, append(f.keys(), one...)...)
		reason, known := want[f.file]
		if !known {
			t.Errorf("%s is new: say here what is to become of it", f.file)
			continue
		}
		delete(want, f.file)
		if reason != "" {
			wantReason(t, err, reason)
		} else if err != nil || len(o.Signers) != 1 {
			t.Errorf("%s: signers %v, %v", f.file, o.Signers, err)
		}
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

func bigInt(t *testing.T, n json.Number) *big.Int {
	t.Helper()
	i, ok := new(big.Int).SetString(n.String(), 10)
	if !ok {
		t.Fatalf("not a number: %s", n)
	}
	return i
}

func inDER(t *testing.T) func(*envelope) {
	return func(e *envelope) {
		raw, err := base64.StdEncoding.DecodeString(e.Signatures[0]["sig"].(string))
		if err != nil {
			t.Fatal(err)
		}
		r, s := new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
		der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		if err != nil {
			t.Fatal(err)
		}
		e.Signatures[0]["sig"] = base64.StdEncoding.EncodeToString(der)
	}
}

// TestCorporaInToto: links and layouts share the payload type with statements, and
// must not be taken for them.
func TestCorporaInToto(t *testing.T) {
	n := 0
	for _, f := range findEnvelopes(t, corpora.Folder(t, "in-toto")) {
		u, err := ParseEnvelope(f.raw)
		if err != nil {
			t.Errorf("%s: %v", f.file, err)
			continue
		}
		n++
		_, err = ParseStatement(u.Payload)
		wantReason(t, err, BadStatement)
	}
	if n != 5 {
		t.Errorf("%d envelopes, want 5", n)
	}
}
