package lint_test

import (
	"encoding/json"
	"encoding/pem"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/ca/lint"
	"github.com/hallmark-pki/hallmark/test/corpora"
)

var update = flag.Bool("update", false, "rewrite testdata/hits.json")

// TestCorpusCodeSigning: zlint's own samples get zlint's own verdicts.
func TestCorpusCodeSigning(t *testing.T) {
	l := newLinter(t)
	dir := corpora.Folder(t, "codesigning-lint")
	var table struct {
		Cases []struct{ Lint, File, Expected string }
	}
	readJSON(t, filepath.Join(dir, "expectations.json"), &table)
	// These rules came after the version that is linked. Ours see the same defect: what
	// zlint expects to be an error must be a finding of the rule named here.
	later := map[string]string{
		"e_cs_subject_country_name": "subject_name", "e_cs_requires_org": "subject_name", "e_cs_subject_prohibited": "subject_name",
		"e_cs_subject_locality_or_province_required": "", // not verified and not certified: subject_name refuses both
	}
	statuses := map[string]lint.Status{
		"Pass": lint.Pass, "Error": lint.Error, "Warn": lint.Warning, "NA": lint.NotApplicable, "NE": lint.NotInForce,
	}
	seen, own := 0, 0
	for _, c := range table.Cases {
		read, err := lint.Read(decode(t, filepath.Join(dir, c.File))[0], lint.Context{Kind: lint.KindOther})
		if err != nil {
			t.Fatalf("%s: %v", c.File, err)
		}
		rule, isLater := later[c.Lint]
		if !isLater {
			seen++
			if got := statusIn(l.All(read), c.Lint); got != statuses[c.Expected] {
				t.Errorf("%s on %s: %v, zlint says %s", c.Lint, c.File, got, c.Expected)
			}
			continue
		}
		if rule == "" || c.Expected != "Error" {
			continue // we are stricter: no rule of ours lets more pass
		}
		own++
		read.Kind = lint.KindLeaf
		if got := statusIn(l.All(read), rule); got != lint.Error {
			t.Errorf("%s on %s: %v, zlint's %s says %s", rule, c.File, got, c.Lint, c.Expected)
		}
	}
	if seen < 40 || own < 3 {
		t.Errorf("%d cases of linked rules, %d of ours", seen, own)
	}
}

// statusIn finds what a rule said; -1 when it is not there.
func statusIn(all []lint.Result, rule string) lint.Status {
	for _, r := range all {
		if r.Rule == rule {
			return r.Status
		}
	}
	return -1
}

// hits counts for each folder how often each rule found something, twice: as it comes,
// and judged as a leaf of ours.
type hits map[string]struct {
	Certificates int            `json:"certificates"`
	NotRead      int            `json:"not_read"`
	AsItComes    map[string]int `json:"as_it_comes"`
	AsLeaf       map[string]int `json:"as_leaf"`
}

// TestCorpusHits: a changed rule shows as a diff of numbers. Rewrite them with -update.
func TestCorpusHits(t *testing.T) {
	l := newLinter(t)
	got := hits{}
	for folder, certs := range map[string][][]byte{
		"codesigning-lint":  folder(t, "codesigning-lint"),
		"fulcio-certs":      folder(t, "fulcio-certs"),
		"limbo":             limbo(t),
		"pkits":             folder(t, "pkits", "certs"),
		"boringssl-chains":  folder(t, "boringssl-pki", "verify_certificate_chain"),
		"boringssl-parsing": folder(t, "boringssl-pki", "parse_certificate"),
		"openssl-verify":    folder(t, "openssl-verify", "certs"),
	} {
		if len(certs) == 0 {
			t.Fatalf("%s: no certificates", folder)
		}
		h := got[folder]
		h.Certificates, h.AsItComes, h.AsLeaf = len(certs), map[string]int{}, map[string]int{}
		for _, der := range certs {
			if !count(l, der, "", h.AsItComes) {
				h.NotRead++
				continue
			}
			count(l, der, lint.KindLeaf, h.AsLeaf)
		}
		got[folder] = h
	}
	const path = "testdata/hits.json"
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var want hits
	readJSON(t, path, &want)
	for name, g := range got {
		w := want[name]
		if g.Certificates != w.Certificates || g.NotRead != w.NotRead || !maps.Equal(g.AsItComes, w.AsItComes) || !maps.Equal(g.AsLeaf, w.AsLeaf) {
			t.Errorf("%s: got %v, on record %v; -update rewrites %s", name, g, w, path)
		}
	}
}

func count(l *lint.Linter, der []byte, kind lint.Kind, into map[string]int) bool {
	found, err := l.Check(der, lint.Context{Kind: kind})
	if err != nil {
		return false
	}
	for _, f := range found {
		into[f.Rule]++
	}
	return true
}

// folder returns every certificate below a folder, in the order of the paths, each once.
func folder(t *testing.T, elem ...string) [][]byte {
	t.Helper()
	var certs [][]byte
	seen := map[string]bool{}
	err := filepath.WalkDir(corpora.Folder(t, elem...), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch filepath.Ext(path) {
		case ".pem", ".crt", ".der", ".test":
			for _, der := range decode(t, path) {
				if !seen[string(der)] {
					certs = append(certs, der)
				}
				seen[string(der)] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return certs
}

func limbo(t *testing.T) [][]byte {
	t.Helper()
	var suite struct {
		Testcases []struct {
			TrustedCerts           []string `json:"trusted_certs"`
			UntrustedIntermediates []string `json:"untrusted_intermediates"`
			PeerCertificate        string   `json:"peer_certificate"`
		}
	}
	readJSON(t, corpora.Folder(t, "limbo", "limbo-part.json"), &suite)
	var certs [][]byte
	seen := map[string]bool{}
	for _, c := range suite.Testcases {
		for _, text := range slices.Concat(c.TrustedCerts, c.UntrustedIntermediates, []string{c.PeerCertificate}) {
			if block, _ := pem.Decode([]byte(text)); block != nil && !seen[string(block.Bytes)] {
				certs = append(certs, block.Bytes)
				seen[string(block.Bytes)] = true
			}
		}
	}
	return certs
}

// decode returns the certificates of a file: PEM blocks, or one in DER.
func decode(t *testing.T, path string) [][]byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var certs [][]byte
	for rest := raw; ; {
		block, next := pem.Decode(rest)
		if block == nil {
			break
		}
		if strings.HasSuffix(block.Type, "CERTIFICATE") {
			certs = append(certs, block.Bytes)
		}
		rest = next
	}
	if len(certs) == 0 && len(raw) > 0 && raw[0] == 0x30 {
		certs = [][]byte{raw}
	}
	return certs
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}
