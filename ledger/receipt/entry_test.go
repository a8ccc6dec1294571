package receipt

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func accepted() Entry {
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("x")))
	return Entry{
		Type: AssessmentAccepted, At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Assessment: sum, Vendor: "https://vendor.example.com",
		AuditorSPKI: sum, Framework: "https://slsa.dev/spec/v0.1", Track: "build", Level: 3,
	}
}

func withdrawn() Entry {
	e := accepted()
	e.Type, e.Reason, e.Effective = AssessmentWithdrawn, "builder <compromised> & unknown", e.At.Add(-time.Hour)
	return e
}

func TestEntry(t *testing.T) {
	for _, e := range []Entry{accepted(), withdrawn()} {
		raw, err := e.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseEntry(raw)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(e, got); d != "" {
			t.Error(d)
		}
	}
	const want = `{"v":1,"type":"assessment.withdrawn","at":"2026-03-01T12:00:00Z","assessment":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",` +
		`"vendor":"https://vendor.example.com","auditor_spki_sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",` +
		`"framework":"https://slsa.dev/spec/v0.1","track":"build","level":3,"reason":"builder <compromised> & unknown","effective":"2026-03-01T11:00:00Z"}`
	raw, err := withdrawn().Marshal()
	if err != nil || string(raw) != want {
		t.Errorf("%v\n%s\n%s", err, raw, want)
	}
	local := accepted()
	local.At = local.At.In(time.FixedZone("x", 3600)).Add(999 * time.Millisecond)
	a, err := local.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := accepted().Marshal(); !bytes.Equal(a, b) {
		t.Error("zone or fraction of a second shows in the entry")
	}
}

func TestEntryRefused(t *testing.T) {
	for name, change := range map[string]func(*Entry){
		"no type":                   func(e *Entry) { e.Type = "" },
		"other type":                func(e *Entry) { e.Type = "assessment.deleted" },
		"no time":                   func(e *Entry) { e.At = time.Time{} },
		"year 10000":                func(e *Entry) { e.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"no assessment":             func(e *Entry) { e.Assessment = "" },
		"assessment in capitals":    func(e *Entry) { e.Assessment = strings.ToUpper(e.Assessment) },
		"auditor short":             func(e *Entry) { e.AuditorSPKI = e.AuditorSPKI[1:] },
		"vendor not a URI":          func(e *Entry) { e.Vendor = "acme" },
		"vendor long":               func(e *Entry) { e.Vendor += strings.Repeat("a", MaxURI) },
		"framework empty":           func(e *Entry) { e.Framework = "" },
		"framework not UTF-8":       func(e *Entry) { e.Framework = "https://x/\xff" },
		"track long":                func(e *Entry) { e.Track = strings.Repeat("a", maxTrack+1) },
		"level 0":                   func(e *Entry) { e.Level = 0 },
		"level huge":                func(e *Entry) { e.Level = 1000 },
		"reason of the accepted":    func(e *Entry) { e.Reason = "x" },
		"effective of the accepted": func(e *Entry) { e.Effective = e.At },
		"withdrawn since never":     func(e *Entry) { e.Type = AssessmentWithdrawn },
		"reason long":               func(e *Entry) { *e = withdrawn(); e.Reason = strings.Repeat("a", MaxReason+1) },
		"reason not UTF-8":          func(e *Entry) { *e = withdrawn(); e.Reason = "\xff" },
	} {
		e := accepted()
		change(&e)
		if raw, err := e.Marshal(); !Is(err, BadEntry) {
			t.Errorf("%s: %s, %v", name, raw, err)
		}
	}
}

func TestParseEntryRefuses(t *testing.T) {
	raw, err := accepted().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	good := string(raw)
	for name, c := range map[string]struct {
		raw  string
		want Reason
	}{
		"empty": {"", BadEntry}, "null": {"null", BadEntry}, "array": {"[]", BadEntry},
		"space":           {strings.Replace(good, ",", ", ", 1), BadEntry},
		"line feed":       {good + "\n", BadEntry},
		"trailing":        {good + "{}", BadEntry},
		"key twice":       {strings.Replace(good, `"level":3`, `"level":3,"level":3`, 1), BadEntry},
		"key in capitals": {strings.Replace(good, `"level"`, `"Level"`, 1), BadEntry},
		"unknown key":     {strings.Replace(good, `"level":3`, `"level":3,"x":1`, 1), BadEntry},
		"other order":     {strings.Replace(good, `"track":"build","level":3`, `"level":3,"track":"build"`, 1), BadEntry},
		"escape":          {strings.Replace(good, `build`, `b\u0075ild`, 1), BadEntry},
		"level 3.0":       {strings.Replace(good, `"level":3`, `"level":3.0`, 1), BadEntry},
		"zone":            {strings.Replace(good, `12:00:00Z`, `12:00:00+00:00`, 1), BadEntry},
		"fraction":        {strings.Replace(good, `12:00:00Z`, `12:00:00.0Z`, 1), BadEntry},
		"version 0":       {strings.Replace(good, `"v":1`, `"v":0`, 1), BadEntry},
		"version 2":       {strings.Replace(good, `"v":1`, `"v":2`, 1), UnknownVersion},
		"its own form":    {`{"v":2,"type":["x"]}`, UnknownVersion},
		"no form of ours": {`{"v":1,"type":["x"]}`, BadEntry},
		"empty reason":    {strings.Replace(good, `"level":3`, `"level":3,"reason":""`, 1), BadEntry},
		"large":           {good + strings.Repeat(" ", MaxEntry), TooLarge},
	} {
		_, err := ParseEntry([]byte(c.raw))
		if !Is(err, c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}
