package scan

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
)

// Presence is whether what a record is about is on the machine.
type Presence string

const (
	// Present: this version is installed.
	Present Presence = "installed"
	// Earlier: another version of the package is installed now.
	Earlier Presence = "earlier"
	// Removed: the package is not installed any more.
	Removed Presence = "removed"
)

// Query is where packages came from. What is zero is not asked for; the rest must all
// hold.
type Query struct {
	Vendor     string // the URI in its certificates
	Serial     string // of a certificate: hex, as ParseSerial returns it
	Assessment string // SHA-256 of an assessment's payload: 64 lower-case hex digits
	// Since and Until bound the trusted time of the signature: Since <= time < Until. A
	// signature without a trusted time may be from any time.
	Since, Until time.Time
}

// ErrQuery is returned for a query that asks for nothing, or for what cannot be.
var ErrQuery = errors.New("no vendor, certificate or assessment is named")

// Check refuses a query that would answer something else than was meant.
func (q Query) Check() error {
	switch {
	case q.Vendor == "" && q.Serial == "" && q.Assessment == "":
		return ErrQuery
	case !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until):
		return errors.New("the time until which is not after the time since which")
	}
	return nil
}

// ParseSerial reads a certificate's serial number in hex, as this and other tools print
// it: in either case, with or without colons and leading zeros.
func ParseSerial(s string) (string, error) {
	digits := strings.TrimLeft(strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(s, "0x"), ":", "")), "0")
	if digits == "" || len(digits) > 40 || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", errors.New("want a serial number of at most 20 bytes in hex")
	}
	return digits, nil
}

// ParseAssessment reads the SHA-256 of an assessment, with or without "sha256:".
func ParseAssessment(s string) (string, error) {
	digits := strings.ToLower(strings.TrimPrefix(s, "sha256:"))
	if b, err := hex.DecodeString(digits); err != nil || len(b) != 32 {
		return "", errors.New("want the SHA-256 of an assessment, 64 hex digits")
	}
	return digits, nil
}

// Trace is the answer about one record, or about an installed package without one.
type Trace struct {
	Package  installed.Package
	Presence Presence
	// Hit: it came from where the query says. Unknown: that cannot be told, and Detail
	// says why. Neither: it came from elsewhere.
	Hit, Unknown bool
	// NoRecord: it is unknown because nothing is recorded of the package at all.
	NoRecord bool
	Detail   string
	Verdict  verify.Verdict // who signed, when; nothing else of it counts here
	Recorded time.Time
}

// MarshalJSON writes the object of `blast --json`: manager, package, version,
// architecture, presence and found ("yes", "no" or "unknown") always; detail, vendor,
// serial, signed_at, assessments and recorded_at where they are known.
func (t Trace) MarshalJSON() ([]byte, error) {
	w := struct {
		installed.Package
		Presence    Presence  `json:"presence"`
		Found       string    `json:"found"`
		Detail      string    `json:"detail,omitempty"`
		Vendor      string    `json:"vendor,omitempty"`
		Serial      string    `json:"serial,omitempty"`
		SignedAt    time.Time `json:"signed_at,omitzero"`
		Assessments []string  `json:"assessments,omitempty"`
		Recorded    time.Time `json:"recorded_at,omitzero"`
	}{
		Package: t.Package, Presence: t.Presence, Found: "no", Detail: t.Detail, Vendor: t.Verdict.Vendor, Serial: t.Verdict.Serial,
		SignedAt: t.Verdict.SignedAt, Assessments: assessments(t.Verdict), Recorded: t.Recorded,
	}
	switch {
	case t.Hit:
		w.Found = "yes"
	case t.Unknown:
		w.Found = "unknown"
	}
	return json.Marshal(w)
}

func assessments(v verify.Verdict) []string {
	var list []string
	for _, c := range v.Claims {
		list = append(list, hex.EncodeToString(c.Assessment.Payload[:]))
	}
	return list
}

// Identify is the policy by which Blast wants signatures judged: it demands nothing, so
// that what is revoked, late or below every level is still told apart by its signer.
func Identify() verify.Policy {
	return verify.Policy{
		Mode: verify.Enforce, Revocation: verify.Off, Timestamp: verify.IfAvailable,
		Attestations: verify.NoAttestations, Confirmed: verify.ConfirmedOrNot,
	}
}

// Blast goes through everything that is recorded and everything that is installed. The
// Judge's policy should be Identify. Traces come sorted by manager, name and
// architecture, of each package the installed version first.
func Blast(ctx context.Context, c Config, q Query) (iter.Seq[Trace], error) {
	if err := q.Check(); err != nil {
		return nil, err
	}
	keys, err := installed.List(c.Records)
	if err != nil {
		return nil, err
	}
	current := map[installed.Package][]installed.Package{}
	for _, p := range c.Packages {
		keys = append(keys, p.Key())
		current[p.Key()] = append(current[p.Key()], p)
	}
	slices.SortFunc(keys, installed.Compare)
	keys = slices.Compact(keys)
	groups := ordered(len(keys), func(i int) []Trace { return c.traces(ctx, keys[i], current[keys[i]], q) })
	return func(yield func(Trace) bool) {
		for group := range groups {
			for _, t := range group {
				if !yield(t) {
					return
				}
			}
		}
	}, nil
}

// traces answers about one package: now are the versions of it that are installed.
func (c Config) traces(ctx context.Context, key installed.Package, now []installed.Package, q Query) []Trace {
	history, err := installed.Read(c.Records, key)
	var out []Trace
	for _, p := range now {
		if _, ok := history.Of(p.Version); ok {
			continue
		}
		t := Trace{Package: p, Presence: Present, Unknown: true}
		switch {
		case err == nil:
			t.Detail = "no record of this version"
		case errors.Is(err, fs.ErrNotExist):
			t.NoRecord, t.Detail = true, "no record"
		default:
			t.Detail = err.Error()
		}
		out = append(out, t)
	}
	if err != nil && len(now) == 0 {
		out = append(out, Trace{Package: key, Presence: Removed, Unknown: true, Detail: err.Error()})
	}
	for _, r := range history.Records {
		t := q.trace(judge(ctx, c.Judge, r))
		t.Package, t.Recorded, t.Presence = r.Package, r.At, presence(r, now)
		out = append(out, t)
	}
	slices.SortStableFunc(out, func(a, b Trace) int { return rank(a.Presence) - rank(b.Presence) })
	return out
}

func rank(p Presence) int { return slices.Index([]Presence{Present, Earlier, Removed}, p) }

func presence(r installed.Record, now []installed.Package) Presence {
	switch {
	case slices.Contains(now, r.Package):
		return Present
	case len(now) > 0:
		return Earlier
	}
	return Removed
}

// trace holds a signature's signer and time against the query. What is not
// authenticated does not acquit: a signer whom this machine does not trust today may be
// the one that is looked for.
func (q Query) trace(v verify.Verdict) Trace {
	t := Trace{Verdict: v}
	switch {
	case v.Has(verify.Unsigned):
		t.Unknown, t.Detail = true, "installed without a signature"
	case v.Vendor == "":
		t.Unknown, t.Detail = true, "the signer is nobody whom this machine trusts"
		if len(v.Reasons) > 0 {
			t.Detail += ": " + v.Reasons[0].String()
		}
	case q.Vendor != "" && q.Vendor != v.Vendor, q.Serial != "" && q.Serial != v.Serial:
	case !v.SignedAt.IsZero() && (!q.Since.IsZero() && v.SignedAt.Before(q.Since) || !q.Until.IsZero() && !v.SignedAt.Before(q.Until)):
	case q.Assessment != "" && len(v.Claims) == 0:
		t.Unknown, t.Detail = true, "the certificate's mark cannot be read"
	case q.Assessment != "" && !slices.Contains(assessments(v), q.Assessment):
	default:
		t.Hit = true
		if v.SignedAt.IsZero() && !(q.Since.IsZero() && q.Until.IsZero()) {
			t.Detail = "signed at a time that nobody vouches for"
		}
	}
	return t
}
