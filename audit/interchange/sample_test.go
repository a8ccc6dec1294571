package interchange

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
)

// noon is when the tests play.
var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func hexSum(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

func framework(t testing.TB, id string) audit.Framework {
	t.Helper()
	cat, err := audit.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	f, ok := cat.Lookup(id)
	if !ok {
		t.Fatalf("no framework %s", id)
	}
	return f
}

// short is the framework of the golden files.
func short(t testing.TB) audit.Framework {
	t.Helper()
	raw, err := os.ReadFile("testdata/framework.yaml")
	if err != nil {
		t.Fatal(err)
	}
	f, err := audit.ParseFramework(raw)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// sample is an assessment that reaches a level of a track. What belongs to a higher
// level is not met at the next level, and has no finding above that.
func sample(t testing.TB, id, track string, level int) (audit.Assessment, audit.Framework) {
	t.Helper()
	f := framework(t, id)
	return sampleOf(t, f, track, level), f
}

func sampleOf(t testing.TB, f audit.Framework, track string, level int) audit.Assessment {
	t.Helper()
	ladder, ok := f.Track(track)
	if !ok {
		t.Fatalf("%s has no track %s", f.ID, track)
	}
	a := audit.Assessment{
		Framework: f.Ref(track),
		Vendor:    audit.Party{ID: "acme", URI: "https://acme.example", Organization: "Acme Ltd"},
		Auditor:   audit.Party{ID: "quill", URI: "https://quill.example", Organization: "Quill Assurance LLP"},
		Level:     level, LevelID: ladder.LevelID(level),
		AssessedAt: noon.AddDate(0, 0, -7), ValidUntil: noon.AddDate(1, 0, -7),
		Scope: audit.Scope{
			Products:     []audit.Product{{Name: "acme-tool"}, {Name: "acme-hello"}},
			Sources:      []audit.Source{{URI: "git+https://git.acme.example/tool"}},
			Builders:     []audit.Builder{{ID: "https://ci.acme.example/linux"}},
			Repositories: []string{"https://attestations.acme.example"},
		},
	}
	settings := attest.ResourceDescriptor{Name: "settings.json", Digest: map[string]string{"sha256": hexSum([]byte("settings"))}}
	for _, r := range ladder.Requirements {
		finding := audit.Finding{Requirement: r.ID, Note: "Seen on <site> & heard."}
		switch {
		case r.FromLevel <= level && r.Obligation == audit.UnlessJustified:
			finding.Status, finding.Justification = audit.Justified, "A contract demands a date in the binary."
		case r.Obligation == audit.Recommended, r.FromLevel == level+1:
			finding.Status = audit.NotMet
		case r.FromLevel <= level:
			finding.Status = audit.Met
			finding.Evidence = []attest.ResourceDescriptor{settings, {URI: "https://acme.example/how#" + r.Group}}
		default:
			continue
		}
		a.Findings = append(a.Findings, finding)
	}
	if got := ladder.Compute(a.Findings); got.Level != level {
		t.Fatalf("the sample reaches %d, want %d", got.Level, level)
	}
	return a
}

func accepted() Accepted {
	return Accepted{
		Assessment: hexSum([]byte("payload")), At: noon, URL: "https://ca.example/assessments/1.json",
		LogOrigin: "ca.example/log", LogIndex: 17,
	}
}

func clock() time.Time { return noon.AddDate(0, 1, 0) }

// golden holds bytes against a file that -update rewrites.
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

func wantReason(t *testing.T, err error, want Reason) {
	t.Helper()
	if !Is(err, want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
