package attest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func hexOf(pair string) string { return strings.Repeat(pair, 32) }

func sampleFailure() RebuildFailure {
	return RebuildFailure{
		Subject:   Subject{Name: "tool.deb", Digest: map[string]string{"sha256": hexOf("ab")}},
		Rebuilder: "https://rebuilder.example.org", Job: "job-1",
		Source: ResourceDescriptor{URI: "git+https://git.example.com/tool", Digest: map[string]string{"gitCommit": strings.Repeat("5d", 20)}},
		Recipe: hexOf("0e"), Reason: RebuildMismatch,
		Got:       []ResourceDescriptor{{Name: "tool.deb", Digest: map[string]string{"sha256": hexOf("cd")}}},
		Diff:      "tool.deb: byte 17 differs\n",
		StartedOn: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC), FinishedOn: time.Date(2026, 11, 23, 3, 4, 0, 0, time.UTC),
	}
}

func TestRebuildFailureIsReadAsWritten(t *testing.T) {
	want := sampleFailure()
	s, err := NewRebuildFailure(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseRebuildFailure(s)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
}

func TestRebuildFailureRefused(t *testing.T) {
	for name, c := range map[string]struct {
		field string
		spoil func(*RebuildFailure)
	}{
		"no rebuilder":                    {"predicate.rebuilder", func(r *RebuildFailure) { r.Rebuilder = "" }},
		"no source":                       {"predicate.source", func(r *RebuildFailure) { r.Source.URI = "" }},
		"source without commit":           {"predicate.source", func(r *RebuildFailure) { r.Source.Digest = map[string]string{"sha256": hexOf("11")} }},
		"no recipe":                       {"predicate.recipe.sha256", func(r *RebuildFailure) { r.Recipe = "" }},
		"recipe digest too short":         {"predicate.recipe.sha256", func(r *RebuildFailure) { r.Recipe = "abcd" }},
		"unknown reason":                  {"predicate.reason", func(r *RebuildFailure) { r.Reason = "tired" }},
		"mismatch that shows nothing":     {"predicate.got", func(r *RebuildFailure) { r.Got = nil }},
		"mismatch with the artifact":      {"predicate.got", func(r *RebuildFailure) { r.Got[0].Digest["sha256"] = hexOf("ab") }},
		"unreproducible in one way":       {"predicate.got", func(r *RebuildFailure) { r.Reason = RebuildUnreproducible }},
		"output without name":             {"predicate.got", func(r *RebuildFailure) { r.Got[0].Name = "" }},
		"output with another digest only": {"predicate.got", func(r *RebuildFailure) { r.Got[0].Digest = map[string]string{"md5": strings.Repeat("0", 32)} }},
		"too long a diff":                 {"predicate.diff", func(r *RebuildFailure) { r.Diff = strings.Repeat("x", MaxRebuildDiff+1) }},
		"too many outputs":                {"predicate.got", func(r *RebuildFailure) { r.Got = make([]ResourceDescriptor, maxRebuildGot+1) }},
		"finished before it started":      {"predicate.finishedOn", func(r *RebuildFailure) { r.FinishedOn = r.StartedOn.Add(-time.Second) }},
		"subject without sha256":          {"subject", func(r *RebuildFailure) { r.Subject.Digest = map[string]string{"sha512": hexOf("ab") + hexOf("ab")} }},
	} {
		t.Run(name, func(t *testing.T) {
			r := sampleFailure()
			c.spoil(&r)
			_, err := NewRebuildFailure(r)
			if e := (*Error)(nil); !errors.As(err, &e) || e.Field != c.field {
				t.Fatalf("error %v, want one about %s", err, c.field)
			}
		})
	}
}

func TestRebuildFailureHasOneSubject(t *testing.T) {
	s, err := NewRebuildFailure(sampleFailure())
	if err != nil {
		t.Fatal(err)
	}
	s.Subject = append(s.Subject, s.Subject[0])
	_, err = ParseRebuildFailure(s)
	wantReason(t, err, BadStatement)
	s.Subject, s.PredicateType = s.Subject[:1], ProvenanceV1
	_, err = ParseRebuildFailure(s)
	wantReason(t, err, WrongType)
}

func TestRebuildFailureIsNotDroppedOverAnUnknownField(t *testing.T) {
	s, err := NewRebuildFailure(sampleFailure())
	if err != nil {
		t.Fatal(err)
	}
	s.Predicate = json.RawMessage(strings.Replace(string(s.Predicate), "{", `{"later":1,`, 1))
	if _, err := ParseRebuildFailure(s); err != nil {
		t.Fatal(err)
	}
}

func TestClipDiff(t *testing.T) {
	if got := ClipDiff("a\x1b[31mb\xff\u009bc\n\td"); got != "a?[31mb??c\n\td" {
		t.Errorf("%q", got)
	}
	long := ClipDiff(strings.Repeat("ein Zeichen: ä\n", 10000))
	if len(long) > MaxRebuildDiff || !strings.HasSuffix(long, "ä\n… (cut)\n") {
		t.Errorf("%d bytes, ends in %q", len(long), long[len(long)-20:])
	}
	if one := ClipDiff(strings.Repeat("ä", MaxRebuildDiff)); len(one) > MaxRebuildDiff || !strings.HasSuffix(one, "… (cut)\n") {
		t.Errorf("%d bytes", len(one))
	}
}

// FuzzParseRebuildFailure: what is read obeys the promises of the type, and is the same
// when it is written and read again.
func FuzzParseRebuildFailure(f *testing.F) {
	seeds(f, "statements")
	s, err := NewRebuildFailure(sampleFailure())
	if err != nil {
		f.Fatal(err)
	}
	raw, err := s.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(strings.Replace(string(raw), `"mismatch"`, `"build-failed"`, 1)))
	f.Add([]byte(strings.Replace(string(raw), "2026-11-23T03:04:00Z", "9999-12-31T23:59:59-23:00", 1)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := ParseStatement(raw)
		if err != nil {
			return
		}
		r, err := ParseRebuildFailure(s)
		if err != nil {
			if d := cmp.Diff(RebuildFailure{}, r); d != "" {
				t.Fatal("half a result with an error", d)
			}
			return
		}
		if len(r.Diff) > MaxRebuildDiff || len(r.Got) > maxRebuildGot || r.Recipe == "" || r.FinishedOn.Before(r.StartedOn) {
			t.Fatalf("a promise is broken: %+v", r)
		}
		w, err := NewRebuildFailure(r)
		if Is(err, TooLarge) {
			return // escapes may lengthen it past the bound
		}
		if err != nil {
			t.Fatalf("written again, refused: %v", err)
		}
		again, err := ParseRebuildFailure(w)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range append(append([]*ResourceDescriptor{&r.Source, &again.Source}, pointers(r.Got)...), pointers(again.Got)...) {
			d.Annotations = nil // white space may differ
		}
		if d := cmp.Diff(r, again); d != "" {
			t.Fatal(d)
		}
	})
}

func pointers(list []ResourceDescriptor) []*ResourceDescriptor {
	var out []*ResourceDescriptor
	for i := range list {
		out = append(out, &list[i])
	}
	return out
}
