package audit

import "testing"

func TestSecondAuditor(t *testing.T) {
	for name, change := range map[string]func(a *Assessment){
		"at the highest level": func(a *Assessment) { *a = assessment(t, 4) },
		"below it":             func(a *Assessment) {},
		"with a URI":           func(a *Assessment) { a.SecondAuditor.URI = "https://ada.example" },
	} {
		t.Run(name, func(t *testing.T) {
			a := assessment(t, 3)
			a.SecondAuditor = &Party{ID: "ada", Organization: "Ada and Co"}
			change(&a)
			a.SecondAuditor = &Party{ID: "ada", Organization: "Ada and Co"}
			if p := a.Validate(catalogue(t), noon); len(p) > 0 {
				t.Error(p)
			}
		})
	}
}

// Each case takes a good second auditor and breaks exactly one thing.
func TestSecondAuditorRefused(t *testing.T) {
	for name, c := range map[string]struct {
		code   Code
		field  string
		change func(a *Assessment)
	}{
		"none at the highest level":   {CodeSecondAuditor, "secondAuditor", func(a *Assessment) { a.SecondAuditor = nil }},
		"no id":                       {CodeMissing, "secondAuditor.id", func(a *Assessment) { a.SecondAuditor.ID = "" }},
		"id of no id form":            {CodeValue, "secondAuditor.id", func(a *Assessment) { a.SecondAuditor.ID = "Ada L" }},
		"the auditor again":           {CodeConflict, "secondAuditor.id", func(a *Assessment) { a.SecondAuditor.ID = a.Auditor.ID }},
		"uri http":                    {CodeValue, "secondAuditor.uri", func(a *Assessment) { a.SecondAuditor.URI = "http://ada.example" }},
		"nameless":                    {CodeMissing, "secondAuditor.organization", func(a *Assessment) { a.SecondAuditor.Organization = " " }},
		"of the vendor":               {CodeConflict, "secondAuditor.organization", func(a *Assessment) { a.SecondAuditor.Organization = "ACME, Ltd" }},
		"of the auditor":              {CodeConflict, "secondAuditor.organization", func(a *Assessment) { a.SecondAuditor.Organization = "quill llp" }},
		"organisation does not print": {CodeValue, "secondAuditor.organization", func(a *Assessment) { a.SecondAuditor.Organization = "Ada\x1b[2J" }},
	} {
		t.Run(name, func(t *testing.T) {
			a := assessment(t, 4)
			a.SecondAuditor = &Party{ID: "ada", Organization: "Ada and Co"}
			c.change(&a)
			p := a.Validate(catalogue(t), noon)
			if len(p) != 1 || p[0].Code != c.code || p[0].Field != c.field {
				t.Errorf("problems %v, want %s at %s alone", p, c.code, c.field)
			}
		})
	}
}

// The highest level is one where every requirement is met, whatever the track.
func TestNeedsSecondAuditor(t *testing.T) {
	for _, f := range catalogue(t).All() {
		for _, track := range f.Tracks {
			for level := -1; level <= len(track.Levels)+1; level++ {
				if got, want := track.NeedsSecondAuditor(level), level > 0 && level == len(track.Levels); got != want {
					t.Errorf("%s/%s level %d: %v", f.ID, track.ID, level, got)
				}
			}
		}
	}
}
