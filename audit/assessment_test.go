package audit

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/attest"
)

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestParseAssessmentReadsWhatWasWritten(t *testing.T) {
	want := assessment(t, 3)
	got, err := ParseAssessment(marshal(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if p := got.Validate(catalogue(t), noon); len(p) > 0 {
		t.Error(p)
	}
}

// One document, one reading: everything that two JSON parsers could see differently
// is refused, and the field is named where there is one.
func TestParseAssessmentRefuses(t *testing.T) {
	base := string(marshal(t, assessment(t, 1)))
	replace := func(old, new string) string {
		if !strings.Contains(base, old) {
			t.Fatalf("base has no %q", old)
		}
		return strings.Replace(base, old, new, 1)
	}
	for name, c := range map[string]struct{ in, field string }{
		"empty":                 {"", ""},
		"null":                  {"null", ""},
		"not an object":         {"[]", ""},
		"cut off":               {base[:len(base)-1], ""},
		"something follows":     {base + "{}", ""},
		"unknown field":         {replace(`{"framework"`, `{"extra":1,"framework"`), ""},
		"unknown nested field":  {replace(`"scope":{`, `"scope":{"all":true,`), ""},
		"key twice":             {replace(`"level":1`, `"level":4,"level":1`), ""},
		"key twice deep down":   {replace(`"requirement":`, `"requirement":"x","requirement":`), ""},
		"key in other case":     {replace(`"level":1`, `"Level":1`), "Level"},
		"key in two cases":      {replace(`"level":1`, `"level":4,"LEVEL":1`), "LEVEL"},
		"field missing":         {replace(`"levelId":"SLSA_LEVEL_1",`, ``), "levelId"},
		"field null":            {replace(`"levelId":"SLSA_LEVEL_1"`, `"levelId":null`), "levelId"},
		"empty optional field":  {replace(`"requirement":`, `"note":"","requirement":`), "findings[0].note"},
		"level as text":         {replace(`"level":1`, `"level":"1"`), "level"},
		"level as 1.0":          {replace(`"level":1`, `"level":1.0`), "level"},
		"level as 1e0":          {replace(`"level":1`, `"level":1e0`), "level"},
		"findings as object":    {replace(`"findings":[`, `"findings":{},"x":[`), "findings"},
		"time with offset":      {replace(`"assessedAt":"2026-05-04T11:00:00Z"`, `"assessedAt":"2026-05-04T13:00:00+02:00"`), "assessedAt"},
		"time with +00:00":      {replace(`"assessedAt":"2026-05-04T11:00:00Z"`, `"assessedAt":"2026-05-04T11:00:00+00:00"`), "assessedAt"},
		"time with fraction":    {replace(`"assessedAt":"2026-05-04T11:00:00Z"`, `"assessedAt":"2026-05-04T11:00:00.5Z"`), "assessedAt"},
		"time that is none":     {replace(`"assessedAt":"2026-05-04T11:00:00Z"`, `"assessedAt":"yesterday"`), ""},
		"not UTF-8":             {replace("Acme Ltd", "Acme \xff"), ""},
		"deep nesting":          {strings.Repeat("[", 100) + strings.Repeat("]", 100), ""},
		"larger than the bound": {base + strings.Repeat(" ", maxAssessmentBytes), ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := ParseAssessment([]byte(c.in))
			code, ok := IsRefusal(err)
			if !ok || code != CodeFormat {
				t.Fatalf("error %v, want a refusal of code format", err)
			}
			wantRefusal(t, err, CodeFormat, c.field)
			if !cmp.Equal(a, Assessment{}) {
				t.Error("half a result with an error")
			}
		})
	}
}

// badAssessments are all the ways in which the content alone can be wrong. The first
// problem found must be the one.
var badAssessments = map[string]struct {
	code   Code
	field  string
	change func(t testing.TB, a *Assessment)
}{
	"vendor id missing":       {CodeMissing, "vendor.id", func(t testing.TB, a *Assessment) { a.Vendor.ID = "" }},
	"vendor id of no id form": {CodeValue, "vendor.id", func(t testing.TB, a *Assessment) { a.Vendor.ID = "../acme" }},
	"vendor uri missing":      {CodeMissing, "vendor.uri", func(t testing.TB, a *Assessment) { a.Vendor.URI = "" }},
	"vendor uri http":         {CodeValue, "vendor.uri", func(t testing.TB, a *Assessment) { a.Vendor.URI = "http://acme.example" }},
	"vendor uri long":         {CodeValue, "vendor.uri", func(t testing.TB, a *Assessment) { a.Vendor.URI = "https://acme.example/" + strings.Repeat("a", 255) }},
	"vendor nameless":         {CodeMissing, "vendor.organization", func(t testing.TB, a *Assessment) { a.Vendor.Organization = " " }},
	"auditor id missing":      {CodeMissing, "auditor.id", func(t testing.TB, a *Assessment) { a.Auditor.ID = "" }},
	"auditor uri bad":         {CodeValue, "auditor.uri", func(t testing.TB, a *Assessment) { a.Auditor.URI = "https://" }},
	"auditor nameless":        {CodeMissing, "auditor.organization", func(t testing.TB, a *Assessment) { a.Auditor.Organization = "" }},
	"auditor is the vendor":   {CodeConflict, "auditor.organization", func(t testing.TB, a *Assessment) { a.Auditor.Organization = "ACME  ltd." }},
	"assessed never":          {CodeMissing, "assessedAt", func(t testing.TB, a *Assessment) { a.AssessedAt = time.Time{} }},
	"assessed tomorrow":       {CodeFuture, "assessedAt", func(t testing.TB, a *Assessment) { a.AssessedAt = noon.Add(clockSkew + time.Second) }},
	"valid never":             {CodeMissing, "validUntil", func(t testing.TB, a *Assessment) { a.ValidUntil = time.Time{} }},
	"period inverted":         {CodePeriod, "validUntil", func(t testing.TB, a *Assessment) { a.ValidUntil = a.AssessedAt.Add(-time.Second) }},
	"period empty":            {CodePeriod, "validUntil", func(t testing.TB, a *Assessment) { a.ValidUntil = a.AssessedAt }},
	"period too long":         {CodePeriod, "validUntil", func(t testing.TB, a *Assessment) { a.ValidUntil = a.AssessedAt.Add(MaxValidity + time.Second) }},
	"period over":             {CodePeriod, "validUntil", func(t testing.TB, a *Assessment) { a.AssessedAt, a.ValidUntil = noon.Add(-2*day), noon }},
	"no product":              {CodeScope, "scope.products", func(t testing.TB, a *Assessment) { a.Scope.Products = nil }},
	"product nameless":        {CodeMissing, "scope.products[0].name", func(t testing.TB, a *Assessment) { a.Scope.Products[0].Name = "" }},
	"product wildcard":        {CodeScope, "scope.products[0].name", func(t testing.TB, a *Assessment) { a.Scope.Products[0].Name = "tool-*" }},
	"product twice":           {CodeScope, "scope.products[1].name", func(t testing.TB, a *Assessment) { a.Scope.Products = append(a.Scope.Products, Product{"tool"}) }},
	"too many products":       {CodeScope, "scope.products", func(t testing.TB, a *Assessment) { a.Scope.Products = make([]Product, maxScopeList+1) }},
	"no source":               {CodeScope, "scope.sources", func(t testing.TB, a *Assessment) { a.Scope.Sources = nil }},
	"source not https":        {CodeValue, "scope.sources[0].uri", func(t testing.TB, a *Assessment) { a.Scope.Sources[0].URI = "git+ssh://git.acme.example/tool" }},
	"source with password":    {CodeValue, "scope.sources[0].uri", func(t testing.TB, a *Assessment) { a.Scope.Sources[0].URI = "https://me:pw@git.acme.example/tool" }},
	"source twice": {CodeScope, "scope.sources[1].uri", func(t testing.TB, a *Assessment) {
		a.Scope.Sources = append(a.Scope.Sources, Source{URI: "https://git.acme.example/tool"})
	}},
	"branch wildcard":        {CodeScope, "scope.sources[0].branches", func(t testing.TB, a *Assessment) { a.Scope.Sources[0].Branches = []string{"*"} }},
	"branch twice":           {CodeScope, "scope.sources[0].branches", func(t testing.TB, a *Assessment) { a.Scope.Sources[0].Branches = []string{"main", "main"} }},
	"no builder":             {CodeScope, "scope.builders", func(t testing.TB, a *Assessment) { a.Scope.Builders = nil }},
	"builder wildcard":       {CodeScope, "scope.builders[0].id", func(t testing.TB, a *Assessment) { a.Scope.Builders[0].ID = "https://ci.acme.example/*" }},
	"builder host wildcard":  {CodeScope, "scope.builders[0].id", func(t testing.TB, a *Assessment) { a.Scope.Builders[0].ID = "https://*.acme.example/ci" }},
	"builder not https":      {CodeValue, "scope.builders[0].id", func(t testing.TB, a *Assessment) { a.Scope.Builders[0].ID = "http://ci.acme.example" }},
	"builder with query":     {CodeValue, "scope.builders[0].id", func(t testing.TB, a *Assessment) { a.Scope.Builders[0].ID = "https://ci.acme.example/?x=1" }},
	"builder twice":          {CodeScope, "scope.builders[1].id", func(t testing.TB, a *Assessment) { a.Scope.Builders = append(a.Scope.Builders, a.Scope.Builders[0]) }},
	"build type wildcard":    {CodeScope, "scope.builders[0].build_types", func(t testing.TB, a *Assessment) { a.Scope.Builders[0].BuildTypes = []string{"https://x/*"} }},
	"property of no id form": {CodeValue, "scope.builders[0].properties[0]", func(t testing.TB, a *Assessment) { a.Scope.Builders[0].Properties = []string{"very isolated"} }},
	"too many properties": {CodeScope, "scope.builders[0].properties", func(t testing.TB, a *Assessment) {
		a.Scope.Builders[0].Properties = strings.Split("a b c d e f g h i", " ")
	}},
	"builder without key":  {CodeScope, "scope.builders[0].keys", func(t testing.TB, a *Assessment) { a.Scope.Builders[0].Keys = nil }},
	"builder key not PEM":  {CodeKey, "scope.builders[0].keys[0]", func(t testing.TB, a *Assessment) { a.Scope.Builders[0].Keys[0] = "key" }},
	"builder key RSA-2048": {CodeKey, "scope.builders[0].keys[0]", func(t testing.TB, a *Assessment) { a.Scope.Builders[0].Keys[0] = rsaPEM(t, 2048) }},
	"builder key P-224":    {CodeKey, "scope.builders[0].keys[0]", func(t testing.TB, a *Assessment) { a.Scope.Builders[0].Keys[0] = p224PEM(t) }},
	"builder key private": {CodeKey, "scope.builders[0].keys[0]", func(t testing.TB, a *Assessment) {
		a.Scope.Builders[0].Keys[0] = strings.ReplaceAll(a.Scope.Builders[0].Keys[0], "PUBLIC", "PRIVATE")
	}},
	"builder key and more":    {CodeKey, "scope.builders[0].keys[0]", func(t testing.TB, a *Assessment) { a.Scope.Builders[0].Keys[0] += "more" }},
	"builder key twice":       {CodeKey, "scope.builders[0].keys[1]", func(t testing.TB, a *Assessment) { b := &a.Scope.Builders[0]; b.Keys = append(b.Keys, b.Keys[0]+"\n") }},
	"rebuilder is the vendor": {CodeConflict, "scope.rebuilders[0].operator", func(t testing.TB, a *Assessment) { a.Scope.Rebuilders = []Rebuilder{rebuilder(t, "1", "ACME LTD")} }},
	"rebuilder with no owner": {CodeMissing, "scope.rebuilders[0].operator", func(t testing.TB, a *Assessment) { a.Scope.Rebuilders = []Rebuilder{rebuilder(t, "1", "")} }},
	"rebuilder has builder's key": {CodeKey, "scope.rebuilders[0].keys[0]", func(t testing.TB, a *Assessment) {
		r := rebuilder(t, "1", "Rebuilders eV")
		r.Keys = a.Scope.Builders[0].Keys
		a.Scope.Rebuilders = []Rebuilder{r}
	}},
	"two operators, one key": {CodeKey, "scope.rebuilders[1].keys[0]", func(t testing.TB, a *Assessment) {
		r, s := rebuilder(t, "1", "Rebuilders eV"), rebuilder(t, "2", "Others Inc")
		s.Keys = r.Keys
		a.Scope.Rebuilders = []Rebuilder{r, s}
	}},
	"rebuilder is a builder": {CodeScope, "scope.rebuilders[0].id", func(t testing.TB, a *Assessment) {
		r := rebuilder(t, "1", "Rebuilders eV")
		r.ID = a.Scope.Builders[0].ID
		a.Scope.Rebuilders = []Rebuilder{r}
	}},
	"operator wildcard": {CodeScope, "scope.rebuilders[0].operator", func(t testing.TB, a *Assessment) { a.Scope.Rebuilders = []Rebuilder{rebuilder(t, "1", "Any*")} }},
	"source twice, as .git": {CodeScope, "scope.sources[1].uri", func(t testing.TB, a *Assessment) {
		a.Scope.Sources = append(a.Scope.Sources, Source{URI: "https://git.acme.example/tool.git", Branches: []string{"main"}})
	}},
	"repository twice, with a slash": {CodeScope, "scope.repositories[1]", func(t testing.TB, a *Assessment) {
		a.Scope.Repositories = append(a.Scope.Repositories, a.Scope.Repositories[0]+"/")
	}},
	"exclusion twice":          {CodeScope, "scope.exclusions[1]", func(t testing.TB, a *Assessment) { a.Scope.Exclusions = []string{"web site", "web site"} }},
	"no repository":            {CodeScope, "scope.repositories", func(t testing.TB, a *Assessment) { a.Scope.Repositories = nil }},
	"repository http":          {CodeValue, "scope.repositories[0]", func(t testing.TB, a *Assessment) { a.Scope.Repositories[0] = "http://attestations.acme.example" }},
	"repository with fragment": {CodeValue, "scope.repositories[0]", func(t testing.TB, a *Assessment) { a.Scope.Repositories[0] += "#x" }},
	"repository too long":      {CodeValue, "scope.repositories[0]", func(t testing.TB, a *Assessment) { a.Scope.Repositories[0] += "/" + strings.Repeat("a", 600) }},
	"repository twice": {CodeScope, "scope.repositories[1]", func(t testing.TB, a *Assessment) {
		a.Scope.Repositories = append(a.Scope.Repositories, a.Scope.Repositories[0])
	}},
	"exclusion empty":       {CodeMissing, "scope.exclusions[0]", func(t testing.TB, a *Assessment) { a.Scope.Exclusions = []string{""} }},
	"unknown framework":     {CodeFramework, "framework.id", func(t testing.TB, a *Assessment) { a.Framework.ID = "slsa-v9" }},
	"framework uri differs": {CodeFramework, "framework.uri", func(t testing.TB, a *Assessment) { a.Framework.URI = "https://slsa.dev/spec/v1.2/" }},
	"framework version":     {CodeFramework, "framework.uri", func(t testing.TB, a *Assessment) { a.Framework.Version = "0.2" }},
	"catalogue unknown": {CodeCatalogue, "framework.digest", func(t testing.TB, a *Assessment) {
		a.Framework.Digest = map[string]string{"sha256": strings.Repeat("0", 64)}
	}},
	"catalogue unnamed": {CodeCatalogue, "framework.digest", func(t testing.TB, a *Assessment) { a.Framework.Digest = nil }},
	"catalogue two digests": {CodeCatalogue, "framework.digest", func(t testing.TB, a *Assessment) {
		a.Framework.Digest = maps.Clone(a.Framework.Digest)
		a.Framework.Digest["md5"] = "00"
	}},
	"unknown track":        {CodeFramework, "framework.track", func(t testing.TB, a *Assessment) { a.Framework.Track = "build" }},
	"no track":             {CodeFramework, "framework.track", func(t testing.TB, a *Assessment) { a.Framework.Track = "" }},
	"unknown requirement":  {CodeFinding, "findings[0].requirement", func(t testing.TB, a *Assessment) { a.Findings[0].Requirement = "source.perfect" }},
	"requirement twice":    {CodeFinding, "findings[1].requirement", func(t testing.TB, a *Assessment) { a.Findings[1] = a.Findings[0] }},
	"too many findings":    {CodeFinding, "findings", func(t testing.TB, a *Assessment) { a.Findings = make([]Finding, maxRequirements+1) }},
	"status empty":         {CodeFinding, "findings[0].status", func(t testing.TB, a *Assessment) { a.Findings[0].Status = "" }},
	"status unknown":       {CodeFinding, "findings[0].status", func(t testing.TB, a *Assessment) { a.Findings[0].Status = "mostly" }},
	"met without evidence": {CodeEvidence, "findings[0].evidence", func(t testing.TB, a *Assessment) { a.Findings[0].Evidence = nil }},
	"justified not allowed": {CodeFinding, "findings[0].status", func(t testing.TB, a *Assessment) {
		a.Findings[0].Status, a.Findings[0].Justification = Justified, "why not"
	}},
	"justified without reason": {CodeEvidence, "findings[5].justification", func(t testing.TB, a *Assessment) {
		a.Findings = append(a.Findings[:5:5], Finding{Requirement: "build.reproducible", Status: Justified})
	}},
	"note that hides":     {CodeValue, "findings[0].note", func(t testing.TB, a *Assessment) { a.Findings[0].Note = "fine\u202e" }},
	"note too long":       {CodeValue, "findings[0].note", func(t testing.TB, a *Assessment) { a.Findings[0].Note = strings.Repeat("n", maxText+1) }},
	"evidence of nothing": {CodeEvidence, "findings[0].evidence[0]", func(t testing.TB, a *Assessment) { a.Findings[0].Evidence[0] = attest.ResourceDescriptor{Name: "x"} }},
	"evidence not https":  {CodeEvidence, "findings[0].evidence[0].uri", func(t testing.TB, a *Assessment) { a.Findings[0].Evidence[0].URI = "file:///etc/passwd" }},
	"evidence digest short": {CodeEvidence, "findings[0].evidence[0].digest", func(t testing.TB, a *Assessment) {
		a.Findings[0].Evidence[0].Digest = map[string]string{"sha256": strings.Repeat("0", 40)}
	}},
	"evidence digest not hex": {CodeEvidence, "findings[0].evidence[0].digest", func(t testing.TB, a *Assessment) {
		a.Findings[0].Evidence[0].Digest = map[string]string{"sha256": strings.Repeat("A", 64)}
	}},
	"evidence algorithm": {CodeEvidence, "findings[0].evidence[0].digest", func(t testing.TB, a *Assessment) {
		a.Findings[0].Evidence[0].Digest = map[string]string{"": strings.Repeat("0", 64)}
	}},
	"evidence with content": {CodeEvidence, "findings[0].evidence[0]", func(t testing.TB, a *Assessment) { a.Findings[0].Evidence[0].Content = []byte("x") }},
	"too much evidence": {CodeEvidence, "findings[0].evidence", func(t testing.TB, a *Assessment) {
		a.Findings[0].Evidence = make([]attest.ResourceDescriptor, maxEvidence+1)
	}},
	"level typed too high":     {CodeLevel, "level", func(t testing.TB, a *Assessment) { a.Level, a.LevelID = 4, "SLSA_LEVEL_4" }},
	"level typed too low":      {CodeLevel, "level", func(t testing.TB, a *Assessment) { a.Level, a.LevelID = 1, "SLSA_LEVEL_1" }},
	"level token of another":   {CodeLevel, "level", func(t testing.TB, a *Assessment) { a.LevelID = "SLSA_LEVEL_4" }},
	"a finding changed to not": {CodeLevel, "level", func(t testing.TB, a *Assessment) { a.Findings[0].Status = NotMet }},
	"level 0":                  {CodeNotCertifiable, "level", func(t testing.TB, a *Assessment) { a.Level, a.LevelID, a.Findings = 0, "", []Finding{} }},
	"level that asks for nothing": {CodeNotCertifiable, "level", func(t testing.TB, a *Assessment) {
		f, _ := catalogue(t).Lookup("cncf-sscp-v1")
		a.Framework, a.Level, a.LevelID, a.Findings = f.Ref("assurance"), 1, "low", []Finding{}
	}},
}

func rebuilder(t testing.TB, id, operator string) Rebuilder {
	return Rebuilder{ID: "https://rebuild.example/" + id, Operator: operator, Keys: []string{keyPEM(t, newKey(t).Public())}}
}

func rsaPEM(t testing.TB, bits int) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return keyPEM(t, key.Public())
}

func p224PEM(t testing.TB) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return keyPEM(t, key.Public())
}

func TestValidateRefuses(t *testing.T) {
	for name, c := range badAssessments {
		t.Run(name, func(t *testing.T) {
			a := assessment(t, 3)
			c.change(t, &a)
			problems := a.Validate(catalogue(t), noon)
			if len(problems) == 0 {
				t.Fatal("valid")
			}
			if p := problems[0]; p.Code != c.code || p.Field != c.field {
				t.Errorf("problems %v, want %s at %s first", problems, c.code, c.field)
			}
		})
	}
}

func TestValidateTakesWhatItShould(t *testing.T) {
	for name, change := range map[string]func(a *Assessment){
		"nothing changed":  func(a *Assessment) {},
		"longest period":   func(a *Assessment) { a.ValidUntil = a.AssessedAt.Add(MaxValidity) },
		"a clock ahead":    func(a *Assessment) { a.AssessedAt = noon.Add(clockSkew) },
		"RSA-3072 builder": func(a *Assessment) { a.Scope.Builders[0].Keys = append(a.Scope.Builders[0].Keys, rsaPEM(t, 3072)) },
		"one key, two builders": func(a *Assessment) {
			b := a.Scope.Builders[0]
			b.ID = "https://ci.acme.example/mac"
			a.Scope.Builders = append(a.Scope.Builders, b)
		},
		"rebuilders": func(a *Assessment) {
			a.Scope.Rebuilders = []Rebuilder{rebuilder(t, "1", "Rebuilders eV"), rebuilder(t, "2", "Others Inc")}
		},
		"a finding above the level": func(a *Assessment) {
			a.Findings = append(a.Findings, Finding{Requirement: "build.hermetic", Status: NotMet, Note: "line\nand line"})
		},
		"evidence by other digest": func(a *Assessment) {
			a.Findings[0].Evidence = []attest.ResourceDescriptor{{Digest: map[string]string{"gitCommit": strings.Repeat("a", 40)}}, {URI: "https://x.example/?a=b#c"}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := assessment(t, 3)
			change(&a)
			if p := a.Validate(catalogue(t), noon); len(p) > 0 {
				t.Error(p)
			}
		})
	}
}

// All that is wrong is said at once.
func TestValidateCollects(t *testing.T) {
	a := assessment(t, 3)
	a.Scope.Products, a.Findings[2].Evidence, a.Level = nil, nil, 4
	var fields []string
	for _, p := range a.Validate(catalogue(t), noon) {
		fields = append(fields, p.Field)
	}
	if want := []string{"scope.products", "findings[2].evidence", "level"}; !slices.Equal(fields, want) {
		t.Errorf("problems at %v, want %v", fields, want)
	}
}

func TestPropertiesAreThoseOfEveryBuilder(t *testing.T) {
	a := Assessment{Scope: Scope{Builders: []Builder{{Properties: []string{"b", "a", "c"}}, {Properties: []string{"a", "b"}}}}}
	if got := a.Properties(); !slices.Equal(got, []string{"a", "b"}) {
		t.Error(got)
	}
	if got := (Assessment{}).Properties(); len(got) != 0 {
		t.Error(got)
	}
}

func TestOrganizationsAreComparedAsPeopleDo(t *testing.T) {
	for _, pair := range [][2]string{{"Acme Ltd", "ACME, Ltd."}, {"Ünal  AG", "ünal ag"}, {"A-B", "ab"}, {"!", "!"},
		{"\u00dcnal AG", "U\u0308nal AG"}, {"\uff21\uff43\uff4d\uff45", "Acme"}, {"Ac\u034fme", "Acme"}, {"Acme\ufe0f", "Acme"}, {"Ac\u200bme", "Acme"}, {"U\u034f\u0308nal", "\u00dcnal"}} {
		if !sameOrganization(pair[0], pair[1]) {
			t.Errorf("%q and %q differ", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"Acme Ltd", "Acme GmbH"}, {"!", "?"}, {"A1", "A2"}, {"Ünal", "Unal"}, {"\u0915\u093f", "\u0915\u0940"}} {
		if sameOrganization(pair[0], pair[1]) {
			t.Errorf("%q and %q are the same", pair[0], pair[1])
		}
	}
}

// Law: what is accepted, printed again, is accepted and the same; and the accepted
// bytes say to any JSON parser what the printed ones say.
func FuzzParseAssessment(f *testing.F) {
	for level := range 5 {
		f.Add(marshal(f, assessment(f, level)))
	}
	raw := example(f).assessment
	f.Add(raw)
	f.Add(bytes.Replace(raw, []byte(`"level"`), []byte(`"level":1,"level"`), 1))
	cat := catalogue(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := ParseAssessment(raw)
		if err != nil {
			return
		}
		printed := marshal(t, a)
		again, err := ParseAssessment(printed)
		if err != nil {
			t.Fatalf("accepted, printed, refused: %v", err)
		}
		if diff := cmp.Diff(a, again); diff != "" {
			t.Fatal(diff)
		}
		var given, want any
		if json.Unmarshal(raw, &given) != nil || json.Unmarshal(printed, &want) != nil || !cmp.Equal(given, want) {
			t.Fatalf("printed as %s", printed)
		}
		a.Validate(cat, noon)
	})
}
