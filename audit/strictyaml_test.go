package audit

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// reference is what decodeYAML is measured by: the library's own strict decoder, behind
// the same checks of the document.
func reference(raw []byte, out any) error {
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	return dec.Decode(out)
}

// Law: what decodeYAML takes, the library's strict decoder takes too, and reads the
// same. (The reverse does not hold: anchors, tags and the like are refused here.)
func FuzzDecodeYAML(f *testing.F) {
	cat := catalogue(f)
	seeds := [][]byte{[]byte(visitText), []byte(visitingText), []byte(sheetDraft), example(f).raw}
	for _, framework := range cat.All() {
		seeds = append(seeds, framework.YAML)
	}
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Add([]byte("version: 1\nevidence: {a: {file: x, nonsense: 1}}\n"))
	f.Add([]byte("version: 1\nfindings: [{requirement: x, evidence: [{uri: y, URI: z}]}]\n"))
	f.Add([]byte("version: 1\nscope: {builders: [{id: x, identities: [{issuer: y, builder: z}], Builder: {}}]}\n"))
	f.Add([]byte("version: 1\nresolved: true\nvisit: {}\nsecond_auditor: {id: x, role: y}\n? [a]\n: b\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, kind := range []reflect.Type{reflect.TypeFor[Draft](), reflect.TypeFor[visitFile](), reflect.TypeFor[Framework]()} {
			got, want := reflect.New(kind), reflect.New(kind)
			if decodeYAML(raw, maxDraftBytes, got.Interface()) != nil {
				continue
			}
			if err := reference(raw, want.Interface()); err != nil {
				t.Fatalf("%s: taken, but %v", kind, err)
			}
			if !reflect.DeepEqual(got.Interface(), want.Interface()) {
				t.Fatalf("%s: read differently: %s", kind, cmp.Diff(want.Elem().Interface(), got.Elem().Interface(), cmp.Exporter(func(reflect.Type) bool { return true })))
			}
		}
	})
}

// Every key in reach of the three documents is known by its tag: a field without one
// would be read by the library under a name that checkKeys refuses.
func TestEveryFieldHasItsKey(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(kind reflect.Type) {
		switch kind.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(kind.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		if seen[kind] {
			return
		}
		seen[kind] = true
		for i := range kind.NumField() {
			f := kind.Field(i)
			switch tag := f.Tag.Get("yaml"); {
			case !f.IsExported() || tag == "-":
			case tag == "":
				t.Errorf("%s.%s has no yaml tag", kind, f.Name)
			default:
				walk(f.Type)
			}
		}
	}
	for _, kind := range []reflect.Type{reflect.TypeFor[Draft](), reflect.TypeFor[visitFile](), reflect.TypeFor[Framework]()} {
		walk(kind)
	}
	if len(seen) < 15 {
		t.Errorf("only %d types found", len(seen))
	}
}
