package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"
)

// visitFile is the file that the drafts of one visit include.
type visitFile struct {
	Version int    `yaml:"version"`
	Include string `yaml:"include"` // known to be refused by name
	Visit   `yaml:",inline"`
}

// parseVisit reads a visit file as strictly as ParseDraft a draft.
func parseVisit(raw []byte) (Visit, error) {
	var v visitFile
	if err := decodeYAML(raw, maxDraftBytes, &v); err != nil {
		return Visit{}, err
	}
	if v.Include != "" {
		return Visit{}, errors.New("an included file includes no other")
	}
	if v.Version != draftVersion {
		return Visit{}, fmt.Errorf("its version is %d, this program knows %d", v.Version, draftVersion)
	}
	return v.Visit, nil
}

// include takes over what the visit file says. Files that it names lie relative to it.
func (d *Draft) include(files fs.FS) {
	d.shared = map[string]bool{}
	if d.Include == "" {
		return
	}
	raw, err := readFile(files, d.Include, maxDraftBytes)
	if err != nil {
		d.unreadable(CodeFormat, "include", err)
		return
	}
	visit, err := parseVisit(raw)
	if err != nil {
		d.unreadable(CodeFormat, "include", fmt.Errorf("%s: %w", d.Include, err))
		return
	}
	visit.Scope = visit.Scope.below(path.Dir(d.Include))
	visit.Evidence = maps.Clone(visit.Evidence)
	for name, e := range visit.Evidence {
		visit.Evidence[name] = e.below(path.Dir(d.Include))
	}
	d.merge(visit)
}

// merge gives every key that the draft leaves open the visit's value. Of the evidence
// both may have some, under different names.
func (d *Draft) merge(visit Visit) {
	evidence := maps.Clone(d.Evidence)
	for _, name := range slices.Sorted(maps.Keys(visit.Evidence)) {
		if _, twice := evidence[name]; twice {
			d.unread = append(d.unread, Problem{Code: CodeEvidence, Field: "evidence." + clip(name), Detail: "stands here and in " + d.Include})
			continue
		}
		if evidence == nil {
			evidence = map[string]DraftEvidence{}
		}
		evidence[name] = visit.Evidence[name]
		d.shared["evidence."+name] = true
	}
	mine, theirs := reflect.ValueOf(&d.Visit).Elem(), reflect.ValueOf(visit)
	for i, key := range visitKeys() {
		switch {
		case key == "evidence" || !saysAnything(theirs.Field(i)):
		case saysAnything(mine.Field(i)):
			d.unread = append(d.unread, Problem{Code: CodeFormat, Field: key, Detail: "stands here and in " + d.Include, Hint: "leave it out of one of the two"})
		default:
			mine.Field(i).Set(theirs.Field(i))
			d.shared[key] = true
		}
	}
	d.Evidence = evidence
}

// visitKeys are the YAML keys of Visit, in the order of its fields.
func visitKeys() []string {
	t := reflect.TypeFor[Visit]()
	keys := make([]string, t.NumField())
	for i := range keys {
		keys[i] = t.Field(i).Tag.Get("yaml")
	}
	return keys
}

// saysAnything reports whether a value of a draft holds more than empty lists.
func saysAnything(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() > 0
	case reflect.Struct:
		for i := range v.NumField() {
			if saysAnything(v.Field(i)) {
				return true
			}
		}
		return false
	}
	return !v.IsZero()
}

// topKey is the key of a draft that a field lies under.
func topKey(field string) string {
	end := strings.IndexAny(field, ".[")
	if end < 0 {
		return field
	}
	return field[:end]
}

func isVisitKey(field string) bool { return slices.Contains(visitKeys(), topKey(field)) }

// fromVisit reports whether what a problem is about stands in the visit file.
func (d Draft) fromVisit(field string) bool {
	if rest, ok := strings.CutPrefix(field, "evidence."); ok {
		for key := range d.shared {
			name, isEvidence := strings.CutPrefix(key, "evidence.")
			if isEvidence && (rest == name || strings.HasPrefix(rest, name+".")) {
				return true
			}
		}
		return false
	}
	return d.shared[topKey(field)]
}

// below turns names of files that are relative to a folder into names relative to the
// folder above.
func below(folder, name string) string {
	if name == "" || folder == "." || path.IsAbs(name) {
		return name
	}
	return path.Join(folder, name)
}

func (e DraftEvidence) below(folder string) DraftEvidence {
	e.File = below(folder, e.File)
	return e
}

func (s DraftScope) below(folder string) DraftScope {
	for i := range s.Builders {
		b := &s.Builders[i]
		for j := range b.KeyFiles {
			b.KeyFiles[j] = below(folder, b.KeyFiles[j])
		}
		for j := range b.Identities {
			b.Identities[j].RootFile = below(folder, b.Identities[j].RootFile)
			b.Identities[j].TimestampRootFile = below(folder, b.Identities[j].TimestampRootFile)
		}
	}
	for i := range s.Rebuilders {
		for j := range s.Rebuilders[i].KeyFiles {
			s.Rebuilders[i].KeyFiles[j] = below(folder, s.Rebuilders[i].KeyFiles[j])
		}
	}
	for i := range s.Attestors {
		for j := range s.Attestors[i].KeyFiles {
			s.Attestors[i].KeyFiles[j] = below(folder, s.Attestors[i].KeyFiles[j])
		}
	}
	for i := range s.Committers {
		for j := range s.Committers[i].KeyFiles {
			s.Committers[i].KeyFiles[j] = below(folder, s.Committers[i].KeyFiles[j])
		}
	}
	for i := range s.Recipes {
		s.Recipes[i].RecipeFile = below(folder, s.Recipes[i].RecipeFile)
	}
	return s
}
