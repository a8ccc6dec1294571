package ext

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

const moduleFile = "hallmark.asn1"

// goCodec is the Go side of one ASN.1 type of the module: the structure it fills, if it
// is one, and a parse followed by a print.
type goCodec struct {
	structure any
	again     func(der []byte) ([]byte, error)
}

// goCodecs names the Go side of every type of the module.
func goCodecs() map[string]goCodec {
	objects := codecs()
	return map[string]goCodec{
		"Assurance":             {Assurance{}, objects[0].again},
		"AttestationRepository": {AttestationRepository{}, objects[1].again},
		"Staple":                {Staple{}, objects[2].again},
		"Claim":                 {Claim{}, part(parseClaim, Claim.check, func(b *cryptobyte.Builder, c Claim) { c.add(b) })},
		"AssessmentRef": {AssessmentRef{}, part(parseAssessmentRef, AssessmentRef.check,
			func(b *cryptobyte.Builder, r AssessmentRef) { r.add(b) })},
		"Version": {nil, part(func(s *cryptobyte.String) (struct{}, error) { return struct{}{}, parseVersion(s) }, nil,
			func(b *cryptobyte.Builder, _ struct{}) { b.AddASN1Int64(version) })},
		"Level": {nil, part(parseLevel, checkLevel, func(b *cryptobyte.Builder, n int) { b.AddASN1Int64(int64(n)) })},
		"LogIndex": {nil, part(func(s *cryptobyte.String) (uint64, error) { return readNumber(s, MaxLogIndex, "") }, nil,
			func(b *cryptobyte.Builder, n uint64) { b.AddASN1Uint64(n) })},
		"SHA256Digest": {nil, part(func(s *cryptobyte.String) ([32]byte, error) { return parseDigest(s, "") },
			func(d [32]byte) error { return checkDigest(d, "") },
			func(b *cryptobyte.Builder, d [32]byte) { b.AddASN1OctetString(d[:]) })},
		"Instant": {nil, part(func(s *cryptobyte.String) (time.Time, error) { return parseInstant(s, "") },
			func(i time.Time) error { return checkInstant(i, "") }, addInstant)},
		"URI":           {nil, text(checkURI)},
		"Token":         {nil, text(checkToken)},
		"RepositoryURL": {nil, text(checkRepositoryURL)},
		"LogOrigin":     {nil, text(func(s, _ string) error { return checkOrigin(s) })},
		"VSA":           {nil, blob(MaxVSABytes)},
		"Receipt":       {nil, blob(MaxReceiptBytes)},
		"CRL":           {nil, blob(MaxCRLBytes)},
	}
}

// part makes a parse-and-print of the functions for one type.
func part[T any](parse func(*cryptobyte.String) (T, error), check func(T) error, add func(*cryptobyte.Builder, T)) func([]byte) ([]byte, error) {
	return func(der []byte) ([]byte, error) {
		s := cryptobyte.String(der)
		v, err := parse(&s)
		if err == nil && check != nil {
			err = check(v)
		}
		if err == nil {
			err = atEnd(s, "")
		}
		if err != nil {
			return nil, err
		}
		var b cryptobyte.Builder
		add(&b, v)
		return b.Bytes()
	}
}

func text(check func(s, field string) error) func([]byte) ([]byte, error) {
	return part(func(s *cryptobyte.String) (string, error) { return readText(s, asn1.IA5String, "") },
		func(s string) error { return check(s, "") },
		func(b *cryptobyte.Builder, s string) { addText(b, asn1.IA5String, s) })
}

func blob(most int) func([]byte) ([]byte, error) {
	return part(func(s *cryptobyte.String) (cryptobyte.String, error) { return readValue(s, asn1.OCTET_STRING, "") },
		func(v cryptobyte.String) error { return checkBlob(v, most, "") },
		func(b *cryptobyte.Builder, v cryptobyte.String) { b.AddASN1OctetString(v) })
}

// exampleValues returns the example of each type of the module: the parts of one mark
// and one staple.
func exampleValues(t testing.TB) map[string][]byte {
	assurance := grow(t, must[[]byte](t)(richMark().Assurance.Marshal()))
	repository := grow(t, must[[]byte](t)(richMark().Repository.Marshal()))
	staple := grow(t, must[[]byte](t)(sampleStaple().Marshal()))
	claim := assurance.at(1, 0)
	ref := claim.at(assessment)
	universal := func(n *node, tag byte) []byte { return (&node{tag: tag, body: n.body}).der() }
	return map[string][]byte{
		"Assurance": assurance.der(), "AttestationRepository": repository.der(), "Staple": staple.der(),
		"Claim": claim.der(), "AssessmentRef": ref.der(), "Version": assurance.at(0).der(),
		"Level": claim.at(level).der(), "LogIndex": ref.at(logIndex).der(), "SHA256Digest": ref.at(payload).der(),
		"Instant": ref.at(assessedAt).der(), "URI": claim.at(framework).der(), "Token": claim.at(track).der(),
		"LogOrigin": ref.at(logOrigin).der(), "RepositoryURL": repository.at(1, 0).der(),
		"VSA": universal(staple.at(1), 0x04), "Receipt": staple.at(2, 0).der(), "CRL": staple.at(3, 0).der(),
	}
}

var exampleBlock = regexp.MustCompile(`(?m)^-- Example of (\w+):\n((?:--   .*\n)*)`)

// examples reads the encodings in the module's comments.
func examples(t *testing.T, text string) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	for _, match := range exampleBlock.FindAllStringSubmatch(text, -1) {
		lines := strings.NewReplacer("--", "", " ", "", "\n", "").Replace(match[2])
		found[match[1]] = must[[]byte](t)(base64.StdEncoding.DecodeString(lines))
	}
	return found
}

// writeExamples puts the encodings of today into the module's comments.
func writeExamples(t *testing.T) {
	t.Helper()
	values := exampleValues(t)
	text := string(must[[]byte](t)(os.ReadFile(moduleFile)))
	text = exampleBlock.ReplaceAllStringFunc(text, func(block string) string {
		name := exampleBlock.FindStringSubmatch(block)[1]
		out := "-- Example of " + name + ":\n"
		for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(values[name])), 76) {
			out += "--   " + string(line) + "\n"
		}
		return out
	})
	if err := os.WriteFile(moduleFile, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every type of the module has an example; it follows the module as a reader of nothing
// but the module would check it; and Go reads it and prints it again.
func TestModuleExamples(t *testing.T) {
	if *update {
		writeExamples(t)
	}
	m := readModule(t)
	found := examples(t, m.text)
	values := exampleValues(t)
	for name, codec := range goCodecs() {
		if m.types[name] == nil {
			t.Errorf("%s is not in the module", name)
		}
		if !bytes.Equal(found[name], values[name]) {
			t.Errorf("example of %s is not the one of today; if that is meant: go test ./ext -update", name)
		}
		again, err := codec.again(found[name])
		if err != nil || !bytes.Equal(again, found[name]) {
			t.Errorf("example of %s: Go reads and prints %x, %v", name, again, err)
		}
	}
	for name, def := range m.types {
		if found[name] == nil {
			t.Errorf("%s has no example", name)
			continue
		}
		if _, ok := goCodecs()[name]; !ok {
			t.Errorf("%s has no Go side", name)
		}
		if err := m.follows(def, grow(t, found[name])); err != nil {
			t.Errorf("example of %s: %v", name, err)
		}
	}
}

// The module alone accepts every golden value, and so do the largest and the smallest.
func TestGoldenValuesFollowTheModule(t *testing.T) {
	m := readModule(t)
	for _, g := range goldenValues(t) {
		name := strings.ToUpper(g.codec.name[:1]) + g.codec.name[1:]
		if err := m.follows(m.types[name], grow(t, g.der)); err != nil {
			t.Errorf("%s: %v", g.file, err)
		}
	}
	largest := must[[]byte](t)(largestMark().Assurance.Marshal())
	if err := m.follows(m.types["Assurance"], grow(t, largest)); err != nil {
		t.Error(err)
	}
}

// What breaks the structure or a bound is refused by the module's notation too, so that
// an implementation written from it refuses it as we do. (What only prose can say, such
// as the form of a URL, is not in this list.)
func TestModuleRefusesBreakages(t *testing.T) {
	m := readModule(t)
	der := must[[]byte](t)(richMark().Assurance.Marshal())
	structural := map[Reason]bool{ReasonWrongType: true, ReasonVersion: true, ReasonLevelZero: true, ReasonNegative: true,
		ReasonTooLarge: true, ReasonTooMany: true, ReasonTooLong: true, ReasonEmpty: true, ReasonNotASCII: true}
	tried := 0
	for _, b := range assuranceBreakages() {
		n := grow(t, der)
		if b.change(n); !structural[b.reason] || n.raw != nil {
			continue
		}
		tried++
		if err := m.follows(m.types["Assurance"], n); err == nil {
			t.Errorf("%s: the module accepts what Go refuses", b.name)
		}
	}
	if tried < 30 {
		t.Errorf("only %d breakages tried", tried)
	}
}

// Field names, order and kinds of the module are those of the Go structures.
func TestModuleFieldsAreTheGoFields(t *testing.T) {
	m := readModule(t)
	for name, codec := range goCodecs() {
		if codec.structure == nil {
			continue
		}
		var goFields, fields []string
		for _, f := range reflect.VisibleFields(reflect.TypeOf(codec.structure)) {
			goFields = append(goFields, strings.ToLower(f.Name)+" "+goKind(f.Type))
		}
		for _, f := range m.types[name].fields {
			if f.name != "version" { // printed, but not a choice
				fields = append(fields, strings.ToLower(f.name)+" "+m.kind(f.def))
			}
		}
		if !slices.Equal(goFields, fields) {
			t.Errorf("%s: Go has %q, the module %q", name, goFields, fields)
		}
	}
}

// goKind names the ASN.1 type that a Go type stands for.
func goKind(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "GeneralizedTime"
	case t == reflect.TypeFor[[]byte](), t == reflect.TypeFor[[32]byte]():
		return "OCTET STRING"
	case t.Kind() == reflect.String:
		return "IA5String"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Uint64:
		return "INTEGER"
	case t.Kind() == reflect.Struct:
		return "SEQUENCE"
	case t.Kind() == reflect.Slice:
		return "SEQUENCE OF " + goKind(t.Elem())
	}
	return t.String()
}

// Each definition stands above the Go function that implements it, word for word, and in
// the package documentation.
func TestNotationStandsInTheGoComments(t *testing.T) {
	m := readModule(t)
	var comments strings.Builder
	for _, name := range must[[]string](t)(filepath.Glob("*.go")) {
		if strings.HasSuffix(name, "_test.go") || name == "doc.go" {
			continue
		}
		file := must[*ast.File](t)(parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments))
		for _, group := range file.Comments {
			comments.WriteString(normal(group.Text()) + "\n")
		}
	}
	for name, notation := range m.notation {
		if !strings.Contains(comments.String(), notation) {
			t.Errorf("no Go comment has the notation of %s:\n%s", name, notation)
		}
	}
	doc := must[*ast.File](t)(parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)).Doc.Text()
	doc = normal(stripComments(doc))
	for _, name := range []string{"Assurance", "Claim", "AssessmentRef", "AttestationRepository", "Staple"} {
		if !strings.Contains(doc, m.notation[name]) {
			t.Errorf("the package documentation lacks the notation of %s", name)
		}
	}
}

// The bounds of the module are the constants of limits.go by the same names.
func TestModuleBoundsAreTheGoLimits(t *testing.T) {
	m := readModule(t)
	fset := token.NewFileSet()
	file := must[*ast.File](t)(parser.ParseFile(fset, "limits.go", nil, 0))
	pkg := must[*types.Package](t)((&types.Config{}).Check("ext", fset, []*ast.File{file}, nil))
	elsewhere := map[string]bool{ // bounds ASN.1 has no place for
		"MaxAssuranceBytes": true, "MaxRepositoryBytes": true, "MaxStapleBytes": true,
		"MaxArcLength": true, "MinArcComponents": true, "MaxArcComponent": true,
	}
	seen := 0
	for _, name := range pkg.Scope().Names() {
		value := pkg.Scope().Lookup(name).(*types.Const).Val()
		n, exact := constant.Int64Val(value)
		if !exact {
			t.Fatalf("%s is no int64", name)
		}
		if elsewhere[name] {
			if strings.HasSuffix(name, "Bytes") && !strings.Contains(m.text, fmt.Sprint(n)) {
				t.Errorf("the module does not mention %s, %d", name, n)
			}
			continue
		}
		seen++
		bound, ok := m.bounds["m"+name[1:]]
		if !ok || bound != n {
			t.Errorf("%s is %d, in the module %d", name, n, bound)
		}
	}
	if seen != len(m.bounds) {
		t.Errorf("%d limits, the module has %d", seen, len(m.bounds))
	}
}

// The module's object identifiers are those of oid.go.
func TestModuleOIDs(t *testing.T) {
	m := readModule(t)
	want := map[string]string{}
	for _, e := range Entries() {
		if e.Ours && e.OID != "arc.0.1" {
			want[e.Name] = strings.Replace(e.OID, "arc", defaultArc, 1)
		}
	}
	want["hallmark"] = defaultArc
	got, _ := json.MarshalIndent(m.oids, "", " ")
	wanted, _ := json.MarshalIndent(want, "", " ")
	if !bytes.Equal(got, wanted) {
		t.Errorf("module has %s, oid.go %s", got, wanted)
	}
	if want := strings.ReplaceAll(defaultArc, ".", " ") + " 0 1"; m.id != want {
		t.Errorf("the module's own OID is %s, want %s", m.id, want)
	}
}
