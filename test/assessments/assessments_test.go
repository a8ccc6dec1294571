package assessments

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/audit"
)

var update = flag.Bool("update", false, "rewrite golden files")

// worked is one assessment here, and what it must come to.
type worked struct {
	draft     string
	framework string
	level     int
	levelID   string
	auditors  int
	// counts are how many requirements have which answer.
	met, notMet, justified, open int
	probes                       int
}

func all() []worked {
	return []worked{
		{"small-vendor-slsa2/slsa.yaml", "slsa-v0.1", 2, "SLSA_LEVEL_2", 1, 14, 18, 0, 0, 0},
		{"distribution-slsa3-cncf-moderate/slsa.yaml", "slsa-v0.1", 3, "SLSA_LEVEL_3", 1, 25, 7, 0, 0, 0},
		{"distribution-slsa3-cncf-moderate/cncf.yaml", "cncf-sscp-v1", 2, "moderate", 1, 38, 2, 4, 15, 0},
		{"rebuilt-slsa4-cncf-high/slsa.yaml", "slsa-v0.1", 4, "SLSA_LEVEL_4", 2, 31, 1, 0, 0, 3},
		{"rebuilt-slsa4-cncf-high/cncf.yaml", "cncf-sscp-v1", 3, "high", 2, 54, 0, 5, 0, 2},
	}
}

func catalogue(t *testing.T) *audit.Catalogue {
	t.Helper()
	cat, err := audit.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return cat
}

// assessed reads a draft with its files and makes the assessment of it, on the day of
// the visit.
func assessed(t *testing.T, draft string) (audit.Draft, audit.Assessment) {
	t.Helper()
	d, err := audit.ReadDraft(filepath.FromSlash(draft))
	if err != nil {
		t.Fatal(err)
	}
	day, err := time.Parse(time.DateOnly, d.AssessedAt)
	if err != nil {
		t.Fatal(err)
	}
	cat := catalogue(t)
	if _, problems := d.Check(cat); len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	a, err := d.Assessment(cat, day)
	if err != nil {
		t.Fatal(err)
	}
	return d, a
}

// TestAssessments: each draft reaches its level with no problem found, and is as it is
// told in README.md.
func TestAssessments(t *testing.T) {
	for _, w := range all() {
		t.Run(w.draft, func(t *testing.T) {
			_, a := assessed(t, w.draft)
			if a.Framework.ID != w.framework || a.Level != w.level || a.LevelID != w.levelID {
				t.Errorf("%s level %d (%s), want %s level %d (%s)", a.Framework.ID, a.Level, a.LevelID, w.framework, w.level, w.levelID)
			}
			auditors := 1
			if a.SecondAuditor != nil {
				auditors = 2
			}
			if auditors != w.auditors || len(a.Probes) != w.probes {
				t.Errorf("%d auditors and %d probes, want %d and %d", auditors, len(a.Probes), w.auditors, w.probes)
			}
			count := map[audit.Status]int{}
			for _, f := range a.Findings {
				count[f.Status]++
			}
			f, _ := catalogue(t).Lookup(w.framework)
			track, _ := f.Track(a.Framework.Track)
			got := []int{count[audit.Met], count[audit.NotMet], count[audit.Justified], len(track.Requirements) - len(a.Findings)}
			if want := []int{w.met, w.notMet, w.justified, w.open}; !slices.Equal(got, want) {
				t.Errorf("met, not met, justified, open: %v, want %v", got, want)
			}
		})
	}
}

// TestReadAsReal: whoever reads an assessment finds a reason for every answer that is
// not "met", and no text twice.
func TestReadAsReal(t *testing.T) {
	for _, w := range all() {
		t.Run(w.draft, func(t *testing.T) {
			_, a := assessed(t, w.draft)
			seen := map[string]string{}
			for _, f := range a.Findings {
				if f.Status != audit.Met && f.Note == "" && f.Justification == "" {
					t.Errorf("%s is %s and nothing says why", f.Requirement, f.Status)
				}
				if other, twice := seen[f.Note]; twice && f.Note != "" && !strings.HasPrefix(f.Note, "See ") {
					t.Errorf("%s has the note of %s", f.Requirement, other)
				}
				seen[f.Note] = f.Requirement
			}
		})
	}
}

// TestOneVisit: where a folder has a visit file, its drafts share parties, dates, scope
// and the bytes of the evidence.
func TestOneVisit(t *testing.T) {
	visits, err := filepath.Glob("*/visit.yaml")
	if err != nil || len(visits) != 2 {
		t.Fatalf("%d visits, %v", len(visits), err)
	}
	for _, visit := range visits {
		folder := filepath.Base(filepath.Dir(visit))
		_, slsa := assessed(t, folder+"/slsa.yaml")
		_, cncf := assessed(t, folder+"/cncf.yaml")
		for what, pair := range map[string][2]any{
			"vendor": {slsa.Vendor, cncf.Vendor}, "auditor": {slsa.Auditor, cncf.Auditor}, "second auditor": {slsa.SecondAuditor, cncf.SecondAuditor},
			"from": {slsa.AssessedAt, cncf.AssessedAt}, "until": {slsa.ValidUntil, cncf.ValidUntil}, "scope": {slsa.Scope, cncf.Scope},
		} {
			if d := cmp.Diff(pair[0], pair[1]); d != "" {
				t.Errorf("%s: %s differs:\n%s", folder, what, d)
			}
		}
		shared := 0
		digests := evidence(slsa)
		for name, digest := range evidence(cncf) {
			if digests[name] == "" {
				continue
			}
			shared++
			if digests[name] != digest {
				t.Errorf("%s: %q has two digests", folder, name)
			}
		}
		if shared < 5 {
			t.Errorf("%s: the two share %d pieces of evidence only", folder, shared)
		}
	}
}

// evidence is what an assessment rests on, name to SHA-256.
func evidence(a audit.Assessment) map[string]string {
	m := map[string]string{}
	for _, f := range a.Findings {
		for _, e := range f.Evidence {
			if sum := e.Digest["sha256"]; sum != "" {
				m[e.Name] = sum
			}
		}
	}
	return m
}

// TestEvidence: every file of evidence is used, its digest in the assessment is that of
// its bytes, and SHA256SUMS says the same. A document that a probe watches is among
// them.
func TestEvidence(t *testing.T) {
	inUse := map[string]map[string]bool{} // folder to digests
	for _, w := range all() {
		d, a := assessed(t, w.draft)
		folder := filepath.Dir(filepath.FromSlash(w.draft))
		used := inUse[folder]
		if used == nil {
			used = map[string]bool{}
			inUse[folder] = used
		}
		for name, sum := range files(t, d) {
			if got := digest(t, filepath.Join(folder, name)); got != sum {
				t.Errorf("%s: %s is %s, the draft says %s", w.draft, name, got, sum)
			}
		}
		for _, sum := range evidence(a) {
			used[sum] = true
		}
		for _, p := range a.Probes {
			if sum := p.With["sha256"]; sum != "" && !used[sum] {
				t.Errorf("%s: probe %s watches a document that is no evidence", w.draft, p.ID)
			}
		}
	}
	for folder, used := range inUse {
		var list []string
		for _, name := range listed(t, folder) {
			sum := digest(t, filepath.Join(folder, "evidence", name))
			if !used[sum] {
				t.Errorf("%s: evidence/%s is used nowhere", folder, name)
			}
			delete(used, sum)
			list = append(list, sum+"  "+name)
		}
		for sum := range used {
			t.Errorf("%s: no file has SHA-256 %s", folder, sum)
		}
		golden(t, filepath.Join(folder, "evidence", "SHA256SUMS"), strings.Join(list, "\n")+"\n")
	}
}

// files are the files that a draft names as evidence, with the digests that it came to.
func files(t *testing.T, d audit.Draft) map[string]string {
	t.Helper()
	m := map[string]string{}
	add := func(e audit.DraftEvidence) {
		if e.File != "" {
			m[e.File] = e.SHA256
		}
	}
	for _, e := range d.Evidence {
		add(e)
	}
	for _, f := range d.Findings {
		for _, e := range f.Evidence {
			add(e)
		}
	}
	if len(m) == 0 {
		t.Fatal("the draft names no file")
	}
	return m
}

func listed(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(folder, "evidence"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != "SHA256SUMS" {
			names = append(names, e.Name())
		}
	}
	return names
}

func digest(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (run with -update and review):\n%s", file, d)
	}
}

// TestKeys: the folders hold public keys and certificates, each in use, and nothing
// secret.
func TestKeys(t *testing.T) {
	inUse := map[string]bool{}
	for _, w := range all() {
		_, a := assessed(t, w.draft)
		for _, b := range a.Scope.Builders {
			for _, k := range b.Keys {
				inUse[k] = true
			}
			for _, i := range b.Identities {
				inUse[i.Root] = true
			}
		}
		for _, r := range a.Scope.Rebuilders {
			for _, k := range r.Keys {
				inUse[k] = true
			}
		}
		for _, p := range a.Probes {
			for value := range maps.Values(p.With) {
				inUse[value] = true
			}
		}
	}
	n := 0
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.Contains(string(raw), "PRIVATE"+" KEY") {
			return fmt.Errorf("%s holds a private key", path)
		}
		if strings.Contains(path, "/keys/") {
			n++
			if !inUse[string(raw)] {
				t.Errorf("%s is used nowhere", path)
			}
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Errorf("%d keys, %v", n, err)
	}
}

// TestOtherFolders: every draft that lies here is in the list above.
func TestOtherFolders(t *testing.T) {
	found, err := filepath.Glob("*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	known := []string{}
	for _, w := range all() {
		known = append(known, w.draft)
	}
	for _, name := range found {
		if filepath.Base(name) != "visit.yaml" && !slices.Contains(known, filepath.ToSlash(name)) {
			t.Errorf("%s is tested by nobody", name)
		}
	}
}
