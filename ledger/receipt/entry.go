package receipt

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// Types of entries.
const (
	AssessmentAccepted   = "assessment.accepted"
	AssessmentWithdrawn  = "assessment.withdrawn"
	AssessmentSuperseded = "assessment.superseded"
)

const entryVersion = 1

// Entry is what the log says about one assessment. Its bytes are the log's leaf.
type Entry struct {
	Type        string    // AssessmentAccepted, …
	At          time.Time // when it happened, whole seconds UTC
	Assessment  string    // SHA-256 of the signed assessment payload, lower-case hex
	Vendor      string    // the vendor's URI
	AuditorSPKI string    // SHA-256 of the auditor's SubjectPublicKeyInfo, lower-case hex
	Framework   string    // the framework's URI
	Track       string    // may be empty: a framework without tracks
	Level       int       // 1 or higher
	Reason      string    // why it ended; empty for AssessmentAccepted
	Effective   time.Time // since when it counts for nothing; zero for AssessmentAccepted
}

// entryV1 is the encoding. Field order is part of the format.
type entryV1 struct {
	V           int       `json:"v"`
	Type        string    `json:"type"`
	At          time.Time `json:"at"`
	Assessment  string    `json:"assessment"`
	Vendor      string    `json:"vendor"`
	AuditorSPKI string    `json:"auditor_spki_sha256"`
	Framework   string    `json:"framework"`
	Track       string    `json:"track"`
	Level       int       `json:"level"`
	Reason      string    `json:"reason,omitempty"`
	Effective   time.Time `json:"effective,omitzero"`
}

// Marshal writes the entry as one line of JSON, the only spelling ParseEntry takes.
// Times are cut to whole seconds. It refuses an entry whose fields break the rules
// at Entry. Errors: *Error with BadEntry or TooLarge.
func (e Entry) Marshal() ([]byte, error) {
	e.At, e.Effective = second(e.At), second(e.Effective)
	if err := e.check(); err != nil {
		return nil, err
	}
	return e.encode()
}

func second(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func (e Entry) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(entryV1{
		V: entryVersion, Type: e.Type, At: e.At, Assessment: e.Assessment, Vendor: e.Vendor, AuditorSPKI: e.AuditorSPKI,
		Framework: e.Framework, Track: e.Track, Level: e.Level, Reason: e.Reason, Effective: e.Effective,
	}); err != nil {
		return nil, &Error{Reason: BadEntry, Err: err}
	}
	raw := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	if len(raw) > MaxEntry {
		return nil, refuse(TooLarge, "entry")
	}
	return raw, nil
}

// ParseEntry reads an entry. Only the bytes that Marshal writes are taken: a second
// spelling of the same entry would be a second leaf. Errors: *Error with BadEntry,
// TooLarge, or UnknownVersion for an entry written by a later release.
func ParseEntry(raw []byte) (Entry, error) {
	if len(raw) > MaxEntry {
		return Entry{}, refuse(TooLarge, "entry")
	}
	var version struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(raw, &version); err != nil {
		return Entry{}, &Error{Reason: BadEntry, Err: err}
	}
	if version.V > entryVersion {
		return Entry{}, refuse(UnknownVersion, "entry of a later version")
	}
	var w entryV1
	if err := json.Unmarshal(raw, &w); err != nil {
		return Entry{}, &Error{Reason: BadEntry, Err: err}
	}
	e := Entry{
		Type: w.Type, At: w.At, Assessment: w.Assessment, Vendor: w.Vendor, AuditorSPKI: w.AuditorSPKI,
		Framework: w.Framework, Track: w.Track, Level: w.Level, Reason: w.Reason, Effective: w.Effective,
	}
	if err := e.check(); err != nil {
		return Entry{}, err
	}
	again, err := e.encode()
	if err != nil {
		return Entry{}, err
	}
	if !bytes.Equal(again, raw) {
		return Entry{}, refuse(BadEntry, "not in its one spelling")
	}
	return e, nil
}

func (e Entry) check() error {
	ended := e.Type != AssessmentAccepted
	switch {
	case e.Type != AssessmentAccepted && e.Type != AssessmentWithdrawn && e.Type != AssessmentSuperseded:
		return refuse(BadEntry, "type: unknown")
	case !isSecond(e.At):
		return refuse(BadEntry, "at: not a whole second of the years 2000 to 9999 in UTC")
	case !isSHA256(e.Assessment):
		return refuse(BadEntry, "assessment: not a SHA-256 in lower-case hex")
	case !isSHA256(e.AuditorSPKI):
		return refuse(BadEntry, "auditor_spki_sha256: not a SHA-256 in lower-case hex")
	case !isURI(e.Vendor):
		return refuse(BadEntry, "vendor: not an absolute URI")
	case !isURI(e.Framework):
		return refuse(BadEntry, "framework: not an absolute URI")
	case len(e.Track) > maxTrack || !utf8.ValidString(e.Track):
		return refuse(BadEntry, "track: too long or not UTF-8")
	case e.Level < 1 || e.Level > maxLevel:
		return refuse(BadEntry, "level: out of range")
	case len(e.Reason) > MaxReason || !utf8.ValidString(e.Reason):
		return refuse(BadEntry, "reason: too long or not UTF-8")
	case !ended && (e.Reason != "" || !e.Effective.IsZero()):
		return refuse(BadEntry, "reason, effective: only for an assessment that ended")
	case ended && !isSecond(e.Effective):
		return refuse(BadEntry, "effective: not a whole second of the years 2000 to 9999 in UTC")
	}
	return nil
}

func isSecond(t time.Time) bool {
	return t.Location() == time.UTC && t.Nanosecond() == 0 && t.Year() >= 2000 && t.Year() <= 9999
}

func isSHA256(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

func isURI(s string) bool {
	if s == "" || len(s) > MaxURI || !utf8.ValidString(s) {
		return false
	}
	u, err := url.Parse(s)
	return err == nil && u.Scheme != ""
}
