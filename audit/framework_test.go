package audit

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"
)

var shipped = sync.OnceValues(Embedded)

// catalogue is shared by the tests, which only read it.
func catalogue(t testing.TB) *Catalogue {
	t.Helper()
	c, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// frameworkFiles returns the shipped catalogues by file name.
func frameworkFiles(t testing.TB) map[string][]byte {
	t.Helper()
	names, err := fs.Glob(embedded, "frameworks/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no catalogues: %v", err)
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files[name], err = embedded.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// A changed catalogue shows here as a changed number.
func TestShippedCounts(t *testing.T) {
	want := map[string][]int{ // requirements by from_level, index 0 unused
		"slsa-v0.1/slsa":         {0, 6, 5, 9, 12},
		"slsa-v1.2/build":        {0, 5, 2, 2},
		"slsa-v1.2/source":       {0, 5, 6, 2, 1},
		"cncf-sscp-v1/assurance": {0, 0, 34, 25},
		"s2c2f-v1.1/consumption": {0, 6, 7, 6, 6},
	}
	got := map[string][]int{}
	for _, f := range catalogue(t).All() {
		for _, track := range f.Tracks {
			counts := make([]int, len(track.Levels)+1)
			for _, r := range track.Requirements {
				counts[r.FromLevel]++
			}
			got[f.ID+"/"+track.ID] = counts
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requirements per level (-want +got):\n%s", diff)
	}
}

func TestDigestIsOfTheFile(t *testing.T) {
	for name, raw := range frameworkFiles(t) {
		f, err := ParseFramework(raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.Digest != sha256.Sum256(raw) {
			t.Errorf("%s: digest %x", name, f.Digest)
		}
		if g, ok := catalogue(t).LookupURI(f.URI); !ok || g.ID != f.ID || g.Digest != f.Digest {
			t.Errorf("%s: not found by its URI", name)
		}
	}
}

func TestCatalogueRefusesDuplicates(t *testing.T) {
	c, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	f, _ := c.Lookup("slsa-v0.1")
	sameURI, sameID := f, f
	sameURI.ID = "other"
	sameID.URI = "https://example.com/other"
	for _, f := range []Framework{f, sameURI, sameID} {
		if err := c.Add(f); !errors.Is(err, ErrKnown) {
			t.Errorf("add %s %s: %v", f.ID, f.URI, err)
		}
	}
	if n := len(c.All()); n != len(frameworkFiles(t)) {
		t.Errorf("%d frameworks after refusals", n)
	}
	f.ID, f.URI = "mine", "https://example.com/mine"
	if err := c.Add(f); err != nil {
		t.Error(err)
	}
	if _, ok := c.Lookup("mine"); !ok {
		t.Error("added framework not found")
	}
}

// smallFramework is the least a catalogue can be; cases below change one thing.
const smallFramework = `id: small
name: Small
version: '1'
uri: https://example.com/small
tracks:
- id: main
  name: Main
  levels:
  - {level: 1, id: L1, name: One, summary: first}
  - {level: 2, id: L2, name: Two, summary: second}
  requirements:
  - id: a
    title: A
    group: g
    summary: do a
    from_level: 1
    obligation: required
    evidence: [document]
    checkable_per_build: false
    notes: ''
    source: https://example.com/small#a
  - id: b
    title: B
    group: g
    summary: do b
    from_level: 2
    obligation: unless-justified
    evidence: [document, interview]
    checkable_per_build: true
    notes: 'Check: b'
    source: https://example.com/small#b
`

func TestParseFrameworkRefuses(t *testing.T) {
	if _, err := ParseFramework([]byte(smallFramework)); err != nil {
		t.Fatalf("the base of all cases: %v", err)
	}
	replace := func(old, new string) string {
		if !strings.Contains(smallFramework, old) {
			t.Fatalf("base has no %q", old)
		}
		return strings.Replace(smallFramework, old, new, 1)
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'j'; c++ {
		bomb += fmt.Sprintf("%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for name, c := range map[string]struct{ in, want string }{
		"empty":               {"", "empty"},
		"comment only":        {"# nothing\n", "empty"},
		"not a mapping":       {"[1, 2]", "unmarshal"},
		"unknown key":         {smallFramework + "extra: 1\n", "extra"},
		"unknown nested key":  {replace("title: A", "tittle: A"), "tittle"},
		"repeated key":        {smallFramework + "id: again\n", "already defined"},
		"two documents":       {smallFramework + "---\nid: x\n", "more than one document"},
		"alias bomb":          {bomb, "aliases"},
		"alias":               {replace("name: Main", "name: &n Main") + "x: *n\n", "aliases"},
		"merge key":           {smallFramework + "<<: {id: x}\n", "merge"},
		"explicit tag":        {replace("title: A", "title: !!binary QQ=="), "tag"},
		"deep nesting":        {strings.Repeat("[", 40) + strings.Repeat("]", 40), "nested deeper"},
		"very deep nesting":   {strings.Repeat("[", 200_000), "depth"},
		"too many values":     {"x: [" + strings.Repeat("1,", maxYAMLNodes) + "1]", "more than"},
		"too large":           {smallFramework + strings.Repeat("#", maxFrameworkBytes), "at most"},
		"not UTF-8":           {replace("Small", "Sm\xffll"), "UTF-8"},
		"byte order mark":     {"\xef\xbb\xbf" + smallFramework, "UTF-8"},
		"id missing":          {replace("id: small\n", ""), "id: is required"},
		"id with slash":       {replace("id: small", "id: sm/all"), "id: "},
		"id too long":         {replace("id: small", "id: "+strings.Repeat("s", 65)), "id: "},
		"name of two lines":   {replace("name: Small", `name: "Sm\nall"`), "name: "},
		"name that hides":     {replace("name: Small", `name: "Sm\u202eall"`), "name: "},
		"uri http":            {replace("https://example.com/small\n", "http://example.com/small\n"), "uri: "},
		"uri with user":       {replace("uri: https://", "uri: https://me@"), "uri: "},
		"uri too long":        {replace("example.com/small\n", "example.com/"+strings.Repeat("s", 300)+"\n"), "uri: "},
		"no tracks":           {"id: small\nname: Small\nversion: '1'\nuri: https://example.com/small\ntracks: []\n", "tracks: "},
		"level 0":             {replace("level: 1,", "level: 0,"), "tracks[0].levels[0].level"},
		"gap in levels":       {replace("level: 2,", "level: 3,"), "tracks[0].levels[1].level"},
		"levels out of order": {replace("level: 2,", "level: 1,"), "tracks[0].levels[1].level"},
		"level id twice":      {replace("id: L2", "id: L1"), "tracks[0].levels[1].id"},
		"requirement twice":   {replace("- id: b", "- id: a"), "tracks[0].requirements[1].id"},
		"from_level 0":        {replace("from_level: 1", "from_level: 0"), "tracks[0].requirements[0].from_level"},
		"from_level too high": {replace("from_level: 2", "from_level: 3"), "tracks[0].requirements[1].from_level"},
		"from_level missing":  {replace("    from_level: 1\n", ""), "tracks[0].requirements[0].from_level"},
		"unknown obligation":  {replace("obligation: required", "obligation: optional"), "tracks[0].requirements[0].obligation"},
		"unknown evidence":    {replace("[document]", "[rumour]"), "tracks[0].requirements[0].evidence[0]"},
		"no evidence":         {replace("[document]", "[]"), "tracks[0].requirements[0].evidence"},
		"level adds nothing":  {replace("from_level: 2", "from_level: 1"), "tracks[0].levels[1]"},
		"bool as text":        {replace("checkable_per_build: false", "checkable_per_build: maybe"), "unmarshal"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := ParseFramework([]byte(c.in))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if !cmp.Equal(f, Framework{}) {
				t.Error("half a result with an error")
			}
		})
	}
}

func TestEmptyLevelsAreAllowedAtTheBottomOnly(t *testing.T) {
	in := strings.Replace(smallFramework, "from_level: 1", "from_level: 2", 1)
	f, err := ParseFramework([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	track, _ := f.Track("")
	for level, want := range map[int]bool{-1: false, 0: false, 1: false, 2: true, 3: false} {
		if track.Certifiable(level) != want {
			t.Errorf("level %d certifiable: %v", level, !want)
		}
	}
}

// Law: a catalogue that is accepted, printed and read again is the same, and whoever
// meets everything reaches the top of each ladder.
func FuzzParseFramework(f *testing.F) {
	for _, raw := range frameworkFiles(f) {
		f.Add(raw)
	}
	f.Add([]byte(smallFramework))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := ParseFramework(raw)
		if err != nil {
			return
		}
		var printed bytes.Buffer
		if err := yaml.NewEncoder(&printed).Encode(got); err != nil {
			t.Fatal(err)
		}
		again, err := ParseFramework(printed.Bytes())
		if err != nil {
			t.Fatalf("accepted, printed, refused: %v\n%s", err, printed.Bytes())
		}
		if diff := cmp.Diff(got, again, cmpopts.IgnoreFields(Framework{}, "Digest", "YAML"), cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		for _, track := range got.Tracks {
			if r := track.Compute(allMet(track)); r.Level != len(track.Levels) || len(r.Missing) != 0 {
				t.Fatalf("everything met: level %d of %d", r.Level, len(track.Levels))
			}
		}
	})
}
