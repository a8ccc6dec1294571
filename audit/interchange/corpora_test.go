package interchange

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/test/corpora"
)

func readFile(t *testing.T, path ...string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func readKey(t *testing.T, path ...string) crypto.PublicKey {
	t.Helper()
	k, err := attest.ParsePublicKey(string(readFile(t, path...)))
	if err != nil {
		t.Fatalf("%v: %v", path, err)
	}
	return k
}

// vsaCase is one row of the SLSA verifier's table.
type vsaCase struct {
	Name      string   `json:"name"`
	File      string   `json:"attestationPath"`
	Subjects  []string `json:"subjectDigests"`
	Verifier  string   `json:"verifierID"`
	Resource  string   `json:"resourceURI"`
	Levels    []string `json:"verifiedLevels"`
	PublicKey string   `json:"publicKeyPath"`
	KeyID     *string  `json:"publicKeyID"`
	Err       string   `json:"err"`
}

// miss is the SLSA verifier's rule for a summary: every digest asked for is a subject,
// the verifier and the resource are the ones asked for, it says PASSED, and every level
// asked for is there. It returns what is missed.
func (c vsaCase) miss(s attest.Statement, v attest.VSA) string {
	for _, want := range c.Subjects {
		if !slices.ContainsFunc(s.Subject, func(sub attest.Subject) bool {
			for algorithm, value := range sub.Digest {
				if algorithm+":"+value == want {
					return true
				}
			}
			return false
		}) {
			return "subject " + want
		}
	}
	switch {
	case v.VerifierID != c.Verifier:
		return "verifier " + v.VerifierID
	case v.ResourceURI != c.Resource:
		return "resource " + v.ResourceURI
	case v.Result != attest.Passed:
		return v.Result
	}
	for _, want := range c.Levels {
		if !slices.Contains(v.VerifiedLevels, want) {
			return "level " + want
		}
	}
	return ""
}

// accepts says whose summary our own rules take although the table refuses it: the key
// id in an envelope is a hint that nobody signs (DSSE says so), and plays no part here.
var accepts = []string{"fail: gke, empty public key id", "fail: gke, wrong key id"}

// TestCorporaVSA imports the SLSA verifier's summaries, and holds our own export
// against the rules of that verifier.
func TestCorporaVSA(t *testing.T) {
	var table struct {
		Cases struct {
			VSA []vsaCase `json:"vsa"`
		} `json:"cases"`
	}
	if err := json.Unmarshal(readFile(t, corpora.Folder(t, "slsa", "expectations.json")), &table); err != nil || len(table.Cases.VSA) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, c := range table.Cases.VSA {
		t.Run(c.Name, func(t *testing.T) {
			dir := corpora.Folder(t, "slsa", "vsa")
			raw := readFile(t, dir, c.File)
			d, s, err := Import(raw, readKey(t, dir, c.PublicKey))
			if c.Err != "" && !slices.Contains(accepts, c.Name) {
				if err == nil {
					t.Errorf("imported; the table says %s", c.Err)
				}
				return
			}
			if err != nil || s.Kind != KindVSA || d.Digest["sha256"] != hexSum(raw) {
				t.Fatalf("%+v, %v", d, err)
			}
			if c.Err == "" {
				if what := c.miss(attest.Statement{Subject: s.Subjects}, *s.VSA); what != "" {
					t.Errorf("misses: %s", what)
				}
			}
			if _, _, err := Import(raw, key(1).Public()); !attest.Is(err, attest.NotVerified) {
				t.Errorf("under another key: %v", err)
			}
		})
	}
	t.Run("ours", func(t *testing.T) {
		a, _ := sample(t, "slsa-v1.2", "build", 3)
		st, err := VSA(a, options())
		if err != nil {
			t.Fatal(err)
		}
		v, err := attest.ParseVSA(st)
		if err != nil {
			t.Fatal(err)
		}
		good := vsaCase{
			Subjects: []string{"sha256:" + hexSum([]byte(a.Vendor.URI))}, Verifier: "https://ca.example",
			Resource: a.Vendor.URI, Levels: []string{"SLSA_BUILD_LEVEL_3"},
		}
		if what := good.miss(st, v); what != "" {
			t.Errorf("misses: %s", what)
		}
		bad := good
		bad.Levels = []string{"SLSA_SOURCE_LEVEL_3"}
		if bad.miss(st, v) == "" {
			t.Error("a level of another track is there as well")
		}
	})
}

// TestCorporaDSSE: the protocol's own vector, envelopes of sigstore's projects, and
// bundles, which are no envelopes.
func TestCorporaDSSE(t *testing.T) {
	dir := corpora.Folder(t, "dsse")
	var v struct {
		Key struct {
			X, Y json.Number
		} `json:"key"`
		Envelope json.RawMessage `json:"envelope"`
	}
	if err := json.Unmarshal(readFile(t, dir, "protocol-vector.json"), &v); err != nil {
		t.Fatal(err)
	}
	rekor := readKey(t, dir, "rekor", "intoto_dsse.pem")
	for _, c := range []struct {
		name string
		raw  []byte
		key  crypto.PublicKey
		kind Kind
		want attest.Reason
	}{
		{"protocol vector", v.Envelope, &ecdsa.PublicKey{Curve: elliptic.P256(), X: number10(t, v.Key.X), Y: number10(t, v.Key.Y)}, KindDocument, ""},
		{"protocol vector, another's key", v.Envelope, rekor, "", attest.NotVerified},
		{"one signature", readFile(t, dir, "rekor", "intoto_dsse.json"), rekor, KindStatement, ""},
		{"two signatures, the key of one", readFile(t, dir, "rekor", "intoto_multi_dsse.json"), rekor, KindStatement, ""},
		{"a bundle", readFile(t, dir, "sigstore-go", "dsse.sigstore.json"), rekor, "", attest.Malformed},
		{"a bundle with two signatures", readFile(t, dir, "sigstore-go", "dsse-2sigs.sigstore.json"), rekor, "", attest.Malformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, s, err := Import(c.raw, c.key)
			if s.Kind != c.kind || c.want == "" && err != nil || c.want != "" && !attest.Is(err, c.want) {
				t.Errorf("%q, %v; want %q, %q", s.Kind, err, c.kind, c.want)
			}
		})
	}
}

func number10(t *testing.T, n json.Number) *big.Int {
	t.Helper()
	i, ok := new(big.Int).SetString(n.String(), 10)
	if !ok {
		t.Fatalf("%q is no number", n)
	}
	return i
}

// TestCorporaInToto: links and layouts of the in-toto project, under every key that
// comes with them. None is imported: those signed the old way are no envelopes, and the
// rest is signed with RSA-2048 (alice, and keys that are not there), which is stricter
// here than there.
func TestCorporaInToto(t *testing.T) {
	dir := corpora.Folder(t, "in-toto")
	var keys []crypto.PublicKey
	for _, name := range []string{"carol.pub", "dan.pub", "grace.pub"} {
		keys = append(keys, readKey(t, dir, name))
	}
	for _, name := range []string{"alice.pub", "erin.pub", "frank.pub", "heidi.pub"} { // RSA-2048, secp256k1, P-521, P-224
		if _, err := attest.ParsePublicKey(string(readFile(t, dir, name))); !attest.Is(err, attest.BadKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	got := map[attest.Reason]int{}
	for _, pattern := range []string{"*.link", "*.layout"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no %s: %v", pattern, err)
		}
		for _, file := range files {
			reason := attest.Reason("")
			for _, k := range keys {
				_, _, err := Import(readFile(t, file), k)
				if err == nil {
					t.Errorf("%s is imported under a key that has not signed it", file)
					continue
				}
				for _, r := range []attest.Reason{attest.NotVerified, attest.Malformed, attest.UnknownField} {
					if attest.Is(err, r) {
						reason = r
					}
				}
			}
			got[reason]++
		}
	}
	if want := "map[malformed:8 not-verified:5]"; fmt.Sprint(got) != want {
		t.Errorf("refused for %v, want %s", got, want)
	}
}

// TestCorporaProvenance imports every envelope that lies alone in a file of the SLSA
// verifier's test data under the key of the certificate in it, and none of them under
// another.
func TestCorporaProvenance(t *testing.T) {
	imported := 0
	err := filepath.WalkDir(corpora.Folder(t, "slsa"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".jsonl" {
			return err
		}
		raw := bytes.TrimSpace(readFile(t, path))
		k := certified(raw)
		if k == nil {
			return nil
		}
		_, s, err := Import(raw, k)
		if err != nil || s.Kind != KindStatement {
			t.Errorf("%s: %q, %v", path, s.Kind, err)
		}
		if _, _, err := Import(raw, key(1).Public()); !attest.Is(err, attest.NotVerified) {
			t.Errorf("%s under another key: %v", path, err)
		}
		imported++
		return nil
	})
	if err != nil || imported < 16 {
		t.Errorf("%d imported, %v", imported, err)
	}
}

// certified is the key in the certificate of the first signature, if there is one.
func certified(envelope []byte) crypto.PublicKey {
	var e struct {
		Signatures []struct{ Cert string }
	}
	if json.Unmarshal(envelope, &e) != nil || len(e.Signatures) == 0 {
		return nil
	}
	block, _ := pem.Decode([]byte(e.Signatures[0].Cert))
	if block == nil {
		return nil
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil
	}
	return cert.PublicKey
}
