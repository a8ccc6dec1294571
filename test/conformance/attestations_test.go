package conformance

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/test/corpora"
)

func attestationSuites() []suite {
	return []suite{
		{"dsse", "dsse", "The DSSE protocol's vector, as published, with its signature in DER, and about another payload; and envelopes of sigstore's projects with the key that came with each, with `attest.Open`.", 9, dsseSuite},
		{"in-toto", "in-toto", "Links and layouts of in-toto's own Go library in DSSE envelopes. They share the payload type with statements: each is read as what it is, and not as a statement.", 10, inToto},
		{"slsa", "slsa", slsaAbout, 48, slsa},
	}
}

// judgedBy makes a row's verdict of what package attest says.
func (r row) judgedBy(err error) row {
	r = r.judged(err)
	var e *attest.Error
	if errors.As(err, &e) {
		r.code = string(e.Reason)
	}
	return r
}

type dsseVector struct {
	PayloadType string `json:"payload_type"`
	Key         struct{ X, Y json.Number }
	Envelope    struct {
		Payload     string `json:"payload"`
		PayloadType string `json:"payloadType"`
		Signatures  []struct {
			KeyID string `json:"keyid,omitempty"`
			Sig   []byte `json:"sig"`
		} `json:"signatures"`
	}
}

func dsseSuite(t *testing.T, dir string) []row {
	var v dsseVector
	readJSON(t, &v, dir, "protocol-vector.json")
	number := func(n json.Number) *big.Int {
		i, ok := new(big.Int).SetString(n.String(), 10)
		if !ok {
			t.Fatal("not a number:", n)
		}
		return i
	}
	pub := &ecdsa.PublicKey{Curve: elliptic.P256(), X: number(v.Key.X), Y: number(v.Key.Y)}
	open := func(id, want string) row {
		raw, err := json.Marshal(v.Envelope)
		if err == nil {
			_, err = attest.OpenPayload(raw, v.PayloadType, pub)
		}
		return row{id: "protocol vector, " + id, want: want}.judgedBy(err)
	}
	rows := []row{open("as published", accept)}
	published := v.Envelope.Signatures[0].Sig
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(published[:32]), new(big.Int).SetBytes(published[32:])})
	if err != nil {
		t.Fatal(err)
	}
	v.Envelope.Signatures[0].Sig = der
	rows = append(rows, open("in DER", accept))
	v.Envelope.Payload = "SGVsbG8gd29ybGQ="
	rows = append(rows, open("another payload", refuse))

	key, err := attest.ParsePublicKey(string(read(t, dir, "rekor", "intoto_dsse.pem")))
	if err != nil {
		t.Fatal(err)
	}
	_, err = attest.ParsePublicKey(string(read(t, dir, "rekor", "intoto_multi_pub2.pem")))
	rows = append(rows, row{id: "rekor/intoto_multi_pub2.pem", want: accept}.judgedBy(err))
	for _, e := range corpora.Envelopes(t, dir) {
		if strings.HasPrefix(e.File, "protocol-vector") {
			continue
		}
		_, err := attest.Open(e.Raw, append(e.Keys(), key)...)
		rows = append(rows, row{id: e.File, want: accept}.judgedBy(err))
	}
	return rows
}

func inToto(t *testing.T, dir string) []row {
	var rows []row
	for _, e := range corpora.Envelopes(t, dir) {
		u, err := attest.ParseEnvelope(e.Raw)
		if err != nil {
			t.Fatal(e.File, err)
		}
		_, err = attest.FiledPayload(u.Payload)
		rows = append(rows, row{id: e.File + " as what it is", want: accept}.judgedBy(err))
		_, err = attest.ParseStatement(u.Payload)
		rows = append(rows, row{id: e.File + " as a statement", want: refuse}.judgedBy(err))
	}
	return rows
}

const slsaAbout = `The SLSA verifier's cases about GitHub's builders, as far as they are about what provenance says: artifact, source repository and
branch, with ` + "`attest.Open` and `attest.ParseProvenance`" + ` and the key that came with each. Who the builder is stands in the certificates
there, so that cases about that, and those that ask for a tag, a version or inputs, are not in this suite.`

type slsaCase struct {
	Name      string   `json:"name"`
	Artifacts []string `json:"artifacts"`
	Source    string   `json:"source"`
	Branch    string   `json:"pbranch"`
	BuilderID string   `json:"pBuilderID"`
	NoVersion bool     `json:"noversion"`
	Path      string   `json:"provenancePath"`
	Err       string   `json:"err"`
}

func slsa(t *testing.T, dir string) []row {
	var table struct {
		Cases map[string][]slsaCase `json:"cases"`
	}
	readJSON(t, &table, dir, "expectations.json")
	var kept artefacts
	readJSON(t, &kept, dir, "artefact-digests.json")
	want := map[string]string{"": accept, "ErrorMismatchSource": refuse, "ErrorMismatchHash": refuse, "ErrorMismatchBranch": refuse}
	var rows []row
	seen := map[string]bool{}
	for _, c := range table.Cases["github-actions"] {
		if c.BuilderID != "" || len(c.Artifacts) == 0 || want[c.Err] == "" {
			continue
		}
		for _, file := range c.files(dir) {
			r := row{id: c.Name + ": " + below(dir, file), want: want[c.Err]}.judgedBy(c.check(t, dir, file, kept))
			if !seen[r.id] {
				rows = append(rows, r)
			}
			seen[r.id] = true
		}
	}
	return rows
}

func (c slsaCase) files(dir string) []string {
	name := c.Artifacts[0] + ".intoto.jsonl"
	if c.Path != "" {
		name = c.Path
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

// check holds what provenance says against the case.
func (c slsaCase) check(t *testing.T, dir, file string, kept artefacts) error {
	t.Helper()
	e := corpora.Envelope{Raw: read(t, file)}
	o, err := attest.Open(e.Raw, e.Keys()...)
	if err != nil {
		return err
	}
	p, err := attest.ParseProvenance(o.Statement)
	switch {
	case err != nil:
		return err
	case len(p.Sources) != 1:
		return errors.New("source: not one")
	}
	repository, ref := attest.SplitSource(p.Sources[0].URI)
	if repository != "https://"+c.Source {
		return errors.New("source: " + repository)
	}
	for _, a := range c.Artifacts {
		if !o.Statement.Covers("sha256", kept.digest(dir, filepath.Join(filepath.Dir(file), a))) {
			return errors.New("artifact: " + a)
		}
	}
	if c.Branch != "" && ref != "refs/heads/"+c.Branch {
		return errors.New("branch: " + ref)
	}
	return nil
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
	return a.Files[below(dir, path)].SHA256
}
