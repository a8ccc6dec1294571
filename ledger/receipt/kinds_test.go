package receipt

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	at     = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	salt   = []byte("0123456789abcdef0123456789abcdef")
	digits = func(c string) string { return strings.Repeat(c, 64) }
)

// full has every field set, to something good.
func full() Entry {
	return Entry{
		At: at, Assessment: digits("1"), Vendor: "https://vendor.example.com", AuditorSPKI: digits("2"), SecondAuditorSPKI: digits("3"),
		Framework: "https://slsa.dev/spec/v0.1", Track: "build", Level: 3, Commitment: Commit(salt, digits("1")), Auditor: Commit(salt, "quill"), Signer: Commit(salt, "acme"),
		Certificate: digits("4"), Serial: "0a1b2c", Tier: "elevated", Assessments: []string{digits("1"), digits("5")}, RevocationReason: 1,
		Reason: "why <not> & so on", Effective: at.Add(-time.Hour), Invalidity: at.Add(-2 * time.Hour), Until: at.AddDate(1, 0, 0),
	}
}

// members says, for each name in JSON, how a field is taken from an entry, and which
// values of it are refused.
var members = map[string]struct {
	clear func(*Entry)
	bad   []func(*Entry)
}{
	"assessment":                 digestMember(func(e *Entry) *string { return &e.Assessment }),
	"auditor_spki_sha256":        digestMember(func(e *Entry) *string { return &e.AuditorSPKI }),
	"second_auditor_spki_sha256": digestMember(func(e *Entry) *string { return &e.SecondAuditorSPKI }),
	"commitment":                 digestMember(func(e *Entry) *string { return &e.Commitment }),
	"auditor":                    digestMember(func(e *Entry) *string { return &e.Auditor }),
	"signer":                     digestMember(func(e *Entry) *string { return &e.Signer }),
	"certificate_sha256":         digestMember(func(e *Entry) *string { return &e.Certificate }),
	"vendor":                     stringMember(func(e *Entry) *string { return &e.Vendor }, "acme", "//acme", "https://a/\xff", "https://a/"+strings.Repeat("a", MaxURI)),
	"framework":                  stringMember(func(e *Entry) *string { return &e.Framework }, "slsa", ":", "https://a/\xff", "https://a/"+strings.Repeat("a", MaxURI)),
	"track":                      stringMember(func(e *Entry) *string { return &e.Track }, "\xff", strings.Repeat("a", maxTrack+1)),
	"tier":                       stringMember(func(e *Entry) *string { return &e.Tier }, "\xff", strings.Repeat("a", maxTier+1)),
	"reason":                     stringMember(func(e *Entry) *string { return &e.Reason }, "\xff", strings.Repeat("a", MaxReason+1)),
	"serial":                     stringMember(func(e *Entry) *string { return &e.Serial }, "0A", "0g", "abc", strings.Repeat("00", maxSerialBytes+1)),
	"effective":                  timeMember(func(e *Entry) *time.Time { return &e.Effective }),
	"invalidity":                 timeMember(func(e *Entry) *time.Time { return &e.Invalidity }),
	"until":                      timeMember(func(e *Entry) *time.Time { return &e.Until }),
	"level": {func(e *Entry) { e.Level = 0 }, []func(*Entry){
		func(e *Entry) { e.Level = -1 }, func(e *Entry) { e.Level = maxLevel + 1 },
	}},
	"revocation_reason": {func(e *Entry) { e.RevocationReason = 0 }, []func(*Entry){
		func(e *Entry) { e.RevocationReason = -1 }, func(e *Entry) { e.RevocationReason = 7 },
		func(e *Entry) { e.RevocationReason = 8 }, func(e *Entry) { e.RevocationReason = 11 },
	}},
	"assessments": {func(e *Entry) { e.Assessments = nil }, []func(*Entry){
		func(e *Entry) { e.Assessments = []string{} },
		func(e *Entry) { e.Assessments = []string{digits("5"), digits("1")} },
		func(e *Entry) { e.Assessments = []string{digits("1"), digits("1")} },
		func(e *Entry) { e.Assessments = []string{digits("1"), digits("g")} },
		func(e *Entry) {
			e.Assessments = nil
			for i := range maxAssessments + 1 {
				e.Assessments = append(e.Assessments, fmt.Sprintf("%064x", i))
			}
		},
	}},
}

type member = struct {
	clear func(*Entry)
	bad   []func(*Entry)
}

func stringMember(field func(*Entry) *string, bad ...string) member {
	m := member{clear: func(e *Entry) { *field(e) = "" }}
	for _, text := range bad {
		m.bad = append(m.bad, func(e *Entry) { *field(e) = text })
	}
	return m
}

func digestMember(field func(*Entry) *string) member {
	return stringMember(field, digits("A"), digits("g"), digits("1")[1:], digits("1")+"1", "sha256:"+digits("1"))
}

func timeMember(field func(*Entry) *time.Time) member {
	m := member{clear: func(e *Entry) { *field(e) = time.Time{} }}
	for _, year := range []int{1999, 10000} {
		m.bad = append(m.bad, func(e *Entry) { *field(e) = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) })
	}
	return m
}

// exampleOf is an entry of a type with all its fields.
func exampleOf(kindName string) Entry {
	e := full()
	e.Type = kindName
	for name, m := range members {
		if k := kinds[kindName]; !slices.Contains(k.required, name) && !slices.Contains(k.optional, name) {
			m.clear(&e)
		}
	}
	return e
}

func kindNames() (names []string) {
	for name := range kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func wantEntry(t *testing.T, e Entry) {
	t.Helper()
	raw, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseEntry(raw)
	if err != nil {
		t.Fatalf("%v\n%s", err, raw)
	}
	if d := cmp.Diff(e, got); d != "" {
		t.Errorf("%s\n%s", raw, d)
	}
}

// refused wants an entry refused because of one field, by Marshal, and by ParseEntry
// when it is written regardless.
func refused(t *testing.T, e Entry, detail string) {
	t.Helper()
	raw, err := e.Marshal()
	if !Is(err, BadEntry) || !strings.Contains(err.Error(), ": "+detail) {
		t.Errorf("%v, want %q about\n%+v\n%s", err, detail, e, raw)
	}
	written, err := e.encode()
	if err != nil {
		return // a time that has no RFC 3339 form
	}
	if got, err := ParseEntry(written); !Is(err, BadEntry) {
		t.Errorf("%v, %+v from\n%s", err, got, written)
	}
}

// Every type has exactly the fields that kinds says: a required one may not be missing,
// an optional one may, any other is refused, and each has its form.
func TestKinds(t *testing.T) {
	if len(kinds) != 21 || len(members) != len(fields) {
		t.Fatalf("%d types and %d of %d fields: the test looks at the wrong thing", len(kinds), len(members), len(fields))
	}
	for _, kindName := range kindNames() {
		t.Run(kindName, func(t *testing.T) {
			k, e := kinds[kindName], exampleOf(kindName)
			wantEntry(t, e)
			least := e
			for _, f := range fields {
				m := members[f.name]
				without, with := e, e
				m.clear(&without)
				switch {
				case slices.Contains(k.required, f.name):
					refused(t, without, f.name+": missing")
				case slices.Contains(k.optional, f.name):
					wantEntry(t, without)
					m.clear(&least)
				default:
					set(&with, f.name)
					refused(t, with, f.name+": not in an entry of this type")
					continue
				}
				for _, change := range m.bad {
					bad := e
					change(&bad)
					refused(t, bad, f.name+": not ")
				}
			}
			wantEntry(t, least)
		})
	}
}

// set takes one field from full.
func set(e *Entry, name string) {
	from := full()
	others := from
	members[name].clear(&others)
	to, with, without := reflect.ValueOf(e).Elem(), reflect.ValueOf(from), reflect.ValueOf(others)
	for i := range with.NumField() {
		if !reflect.DeepEqual(with.Field(i).Interface(), without.Field(i).Interface()) {
			to.Field(i).Set(with.Field(i))
		}
	}
}

func TestFieldsTogether(t *testing.T) {
	e := exampleOf(AssessmentAccepted)
	e.SecondAuditorSPKI = e.AuditorSPKI
	refused(t, e, "second_auditor_spki_sha256: the first auditor's")
	e = exampleOf(AuditorAccredited)
	e.Until = e.Effective
	refused(t, e, "until: not after effective")
	for _, reason := range revocationReasons {
		e = exampleOf(CertificateRevoked)
		e.RevocationReason = reason
		wantEntry(t, e)
	}
}

func TestUnknownType(t *testing.T) {
	for _, name := range []string{"", "assessment", "assessment.deleted", "Assessment.accepted", "auditor.key "} {
		e := exampleOf(AssessmentAccepted)
		e.Type = name
		refused(t, e, "type: unknown")
	}
}

func TestCommit(t *testing.T) {
	// printf '%s\0%s' "$salt" quill | sha256sum
	const want = "395a840b6fc9e10ed9010cc41013f8cd7b5a1a3230f7b591d53e526520df6422"
	c := Commit(salt, "quill")
	if c != want {
		t.Errorf("commitment %s, want %s", c, want)
	}
	if !Opens(c, salt, "quill") {
		t.Error("does not open")
	}
	for name, isOpen := range map[string]bool{
		"another text":           Opens(c, salt, "quil"),
		"another salt":           Opens(c, []byte(strings.ToUpper(string(salt))), "quill"),
		"no salt":                Opens(c, nil, string(salt)+"\x00quill"),
		"text moved to the salt": Opens(Commit(salt, "a\x00b"), append([]byte(salt), "\x00a"...), "b"),
		"another commitment":     Opens(digits("1"), salt, "quill"),
	} {
		if isOpen {
			t.Errorf("%s: opens", name)
		}
	}
}
