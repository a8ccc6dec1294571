package ext

import (
	"fmt"
	"math/big"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A reader of as much ASN.1 notation as hallmark.asn1 uses, made apart from the package's
// codecs so that one can be checked against the other.

// module is hallmark.asn1 taken apart.
type module struct {
	text     string
	id       string             // the module's own OID, numbers separated by spaces
	oids     map[string]string  // value assignments, dotted
	bounds   map[string]int64   // value assignments
	types    map[string]*typing // type assignments
	notation map[string]string  // their text, white space normalised
}

// typing is one type: a reference, a SEQUENCE, a SEQUENCE OF or a primitive.
type typing struct {
	ref      string // name of another type
	base     string // "INTEGER", "IA5String", "OCTET STRING", "GeneralizedTime", "SEQUENCE", "SEQUENCE OF"
	fields   []field
	element  *typing
	min, max int64 // of the value or the size; max < 0: none
}

type field struct {
	name     string
	tag      int // context-specific, or -1
	def      *typing
	optional bool
}

var (
	commentText  = regexp.MustCompile(`--[^\n]*`)
	whiteSpace   = regexp.MustCompile(`\s+`)
	assignment   = regexp.MustCompile(`([\w-]+)( OBJECT IDENTIFIER| INTEGER)? ::= `)
	constraint   = regexp.MustCompile(`\((?:SIZE \()?(\w+)(?:\.\.(\w+))?\)?\)`)
	fieldPattern = regexp.MustCompile(`^(\w+) (?:\[(\d+)\] )?(.*?)( OPTIONAL)?$`)
	ofPattern    = regexp.MustCompile(`^SEQUENCE SIZE (\([^)]*\)) OF (\w+)$`)
)

// normal makes all white space one space.
func normal(s string) string { return strings.TrimSpace(whiteSpace.ReplaceAllString(s, " ")) }

func stripComments(s string) string { return commentText.ReplaceAllString(s, "") }

// readModule reads hallmark.asn1.
func readModule(t testing.TB) *module {
	t.Helper()
	text := string(must[[]byte](t)(os.ReadFile(moduleFile)))
	m := &module{text: text, oids: map[string]string{}, bounds: map[string]int64{}, types: map[string]*typing{}, notation: map[string]string{}}
	head, body, ok := strings.Cut(normal(stripComments(text)), " DEFINITIONS IMPLICIT TAGS ::= BEGIN ")
	body, end := strings.CutSuffix(body, " END")
	if !ok || !end {
		t.Fatal("not a module with implicit tags")
	}
	m.id = strings.Trim(head[strings.Index(head, "{"):], "{} ")
	starts := assignment.FindAllStringSubmatchIndex(body, -1)
	for i, at := range starts {
		next := len(body)
		if i+1 < len(starts) {
			next = starts[i+1][0]
		}
		kind := ""
		if at[4] >= 0 {
			kind = body[at[4]:at[5]]
		}
		m.assign(t, body[at[2]:at[3]], strings.TrimSpace(kind), strings.TrimSpace(body[at[1]:next]))
	}
	if len(m.types) < 10 || len(m.bounds) < 10 || len(m.oids) < 5 {
		t.Fatalf("read only %d types, %d bounds, %d OIDs", len(m.types), len(m.bounds), len(m.oids))
	}
	return m
}

// assign takes in one assignment. All values come before the types that use them.
func (m *module) assign(t testing.TB, name, kind, value string) {
	t.Helper()
	switch kind {
	case "OBJECT IDENTIFIER":
		numbers := strings.Fields(strings.Trim(value, "{}"))
		if base, ok := m.oids[numbers[0]]; ok {
			numbers[0] = base
		}
		m.oids[name] = strings.Join(numbers, ".")
	case "INTEGER":
		m.bounds[name] = must[int64](t)(strconv.ParseInt(value, 10, 64))
	default:
		m.types[name] = m.parseType(t, value)
		m.notation[name] = name + " ::= " + value
	}
}

func (m *module) parseType(t testing.TB, s string) *typing {
	t.Helper()
	if inner, ok := strings.CutPrefix(s, "SEQUENCE {"); ok {
		def := &typing{base: "SEQUENCE", max: -1}
		for part := range strings.SplitSeq(strings.TrimSuffix(inner, "}"), ",") {
			def.fields = append(def.fields, m.parseField(t, strings.TrimSpace(part)))
		}
		return def
	}
	if of := ofPattern.FindStringSubmatch(s); of != nil {
		def := &typing{base: "SEQUENCE OF", element: m.parseType(t, of[2])}
		def.min, def.max = m.parseConstraint(t, of[1])
		return def
	}
	for _, base := range []string{"INTEGER", "IA5String", "OCTET STRING", "GeneralizedTime"} {
		if rest, ok := strings.CutPrefix(s, base); ok {
			def := &typing{base: base, max: -1}
			if rest = strings.TrimSpace(rest); rest != "" {
				def.min, def.max = m.parseConstraint(t, rest)
			}
			return def
		}
	}
	if strings.ContainsAny(s, " ({") {
		t.Fatalf("notation not understood: %s", s)
	}
	return &typing{ref: s}
}

func (m *module) parseField(t testing.TB, s string) field {
	t.Helper()
	parts := fieldPattern.FindStringSubmatch(s)
	if parts == nil {
		t.Fatalf("field not understood: %s", s)
	}
	f := field{name: parts[1], tag: -1, def: m.parseType(t, parts[3]), optional: parts[4] != ""}
	if parts[2] != "" {
		f.tag = must[int](t)(strconv.Atoi(parts[2]))
	}
	return f
}

// parseConstraint reads (n), (n..m), (SIZE (n)) or (SIZE (n..m)).
func (m *module) parseConstraint(t testing.TB, s string) (low, high int64) {
	t.Helper()
	parts := constraint.FindStringSubmatch(s)
	if parts == nil || len(parts[0]) != len(s) {
		t.Fatalf("constraint not understood: %s", s)
	}
	value := func(s string) int64 {
		if n, ok := m.bounds[s]; ok {
			return n
		}
		return must[int64](t)(strconv.ParseInt(s, 10, 64))
	}
	low = value(parts[1])
	if parts[2] == "" {
		return low, low
	}
	return low, value(parts[2])
}

// resolve follows references to a definition.
func (m *module) resolve(def *typing) *typing {
	for def.ref != "" {
		next, ok := m.types[def.ref]
		if !ok {
			panic("undefined type " + def.ref)
		}
		def = next
	}
	return def
}

// kind names the built-in type behind a definition.
func (m *module) kind(def *typing) string {
	def = m.resolve(def)
	if def.base == "SEQUENCE OF" {
		return "SEQUENCE OF " + m.kind(def.element)
	}
	return def.base
}

// tag returns the identifier octet of a definition under an implicit tag, or its own.
func (m *module) tag(def *typing, context int) byte {
	base := m.resolve(def).base
	own := map[string]byte{"INTEGER": 0x02, "OCTET STRING": 0x04, "IA5String": 0x16, "GeneralizedTime": 0x18, "SEQUENCE": 0x30, "SEQUENCE OF": 0x30}[base]
	if context >= 0 {
		return 0x80 | own&0x20 | byte(context)
	}
	return own
}

// follows checks a value against a definition, its own tag included.
func (m *module) follows(def *typing, n *node) error {
	if want := m.tag(def, -1); n.tag != want {
		return fmt.Errorf("tag %02x, want %02x", n.tag, want)
	}
	return m.content(def, n)
}

// content checks the inside of a value whose tag has been checked.
func (m *module) content(def *typing, n *node) error {
	def = m.resolve(def)
	switch def.base {
	case "SEQUENCE":
		return m.sequence(def, n.kids)
	case "SEQUENCE OF":
		for i, kid := range n.kids {
			if err := m.follows(def.element, kid); err != nil {
				return fmt.Errorf("element %d: %w", i, err)
			}
		}
		return def.within(int64(len(n.kids)))
	case "INTEGER":
		v := new(big.Int).SetBytes(n.body)
		if len(n.body) == 0 || n.body[0] >= 0x80 || !v.IsInt64() {
			return fmt.Errorf("integer % x", n.body)
		}
		return def.within(v.Int64())
	case "IA5String":
		for _, c := range n.body {
			if c > 0x7f {
				return fmt.Errorf("byte %02x in an IA5String", c)
			}
		}
	}
	return def.within(int64(len(n.body)))
}

func (m *module) sequence(def *typing, kids []*node) error {
	for _, f := range def.fields {
		if len(kids) == 0 || kids[0].tag != m.tag(f.def, f.tag) {
			if f.optional {
				continue
			}
			return fmt.Errorf("%s is absent", f.name)
		}
		if err := m.content(f.def, kids[0]); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		kids = kids[1:]
	}
	if len(kids) > 0 {
		return fmt.Errorf("%d values too many", len(kids))
	}
	return nil
}

// within checks a value or a size against the constraint.
func (def *typing) within(n int64) error {
	if def.max >= 0 && (n < def.min || n > def.max) {
		return fmt.Errorf("%d is not within %d..%d", n, def.min, def.max)
	}
	return nil
}
