package installed

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
)

// Record is one installation: what was judged, and what was said about it.
type Record struct {
	Package
	// Digest is the SHA-256 that is signed: of a Debian package, of the bytes before its
	// signature.
	Digest [32]byte
	// Signature is the CMS, DER; nil for a package that got in without one.
	Signature []byte
	// Verdict and Codes are what was said then: nothing is concluded from them.
	Verdict verify.Outcome
	Codes   []verify.Code
	// Policy is the SHA-256 of the policy file; zero for the built-in one.
	Policy [32]byte
	// At is the machine's clock, to the second.
	At time.Time
}

// FromVerdict makes the record of a package that a Verifier has judged: the verdict
// must be of a file that was read to its end.
func FromVerdict(p Package, v verify.Verdict, policy [32]byte, at time.Time) (Record, error) {
	r := Record{Package: p, Signature: v.Signature, Verdict: v.Outcome, Policy: policy, At: at.UTC().Truncate(time.Second)}
	for _, reason := range v.Reasons {
		r.Codes = append(r.Codes, reason.Code)
	}
	if v.Signed != "" {
		return Record{}, fmt.Errorf("record of %s: the signature is over %.90s, which is not how packages are signed", p, v.Signed)
	}
	digest, err := hex.DecodeString(v.Digest)
	if err != nil || len(digest) != len(r.Digest) {
		return Record{}, fmt.Errorf("record of %s: the verdict has no digest", p)
	}
	copy(r.Digest[:], digest)
	return r, r.check()
}

func (r Record) check() error {
	if err := r.Package.Check(); err != nil {
		return err
	}
	switch {
	case r.Digest == [32]byte{}:
		return errors.New("no digest")
	case len(r.Signature) > maxSignature:
		return fmt.Errorf("signature of %d bytes, at most %d", len(r.Signature), maxSignature)
	case len(r.Codes) > maxCodes:
		return fmt.Errorf("%d codes, at most %d", len(r.Codes), maxCodes)
	case r.At.IsZero():
		return errors.New("no time")
	}
	for _, c := range r.Codes {
		if err := checkToken(string(c), "-", maxCode); err != nil {
			return fmt.Errorf("code %.40q: %w", c, err)
		}
	}
	return nil
}

// History is what is recorded of one package.
type History struct {
	// Records are of the same package, newest first; at least one.
	Records []Record
}

// Key is the package, without a version.
func (h History) Key() Package { return h.Records[0].Key() }

// Of returns the newest record of a version.
func (h History) Of(version string) (Record, bool) {
	for _, r := range h.Records {
		if r.Version == version {
			return r, true
		}
	}
	return Record{}, false
}

// with puts a record in front; one of the same version and digest gives way to it, and
// so does the oldest one of too many.
func (h History) with(r Record) History {
	rest := slices.DeleteFunc(slices.Clone(h.Records), func(old Record) bool { return old.Version == r.Version && old.Digest == r.Digest })
	return History{append([]Record{r}, rest[:min(len(rest), maxInstallations-1)]...)}
}

// wireHistory and wireRecord are the file. Their order of fields is the file's.
type wireHistory struct {
	Version       int          `json:"version"`
	Manager       Manager      `json:"manager"`
	Package       string       `json:"package"`
	Architecture  string       `json:"architecture"`
	Installations []wireRecord `json:"installations"`
}

type wireRecord struct {
	Version   string        `json:"version"`
	Digest    string        `json:"digest"`
	Signature string        `json:"signature"`
	Verdict   string        `json:"verdict"`
	Codes     []verify.Code `json:"codes"`
	Policy    string        `json:"policy"`
	At        string        `json:"at"`
}

const timeForm = "2006-01-02T15:04:05Z"

// Marshal writes the file, on one line.
func (h History) Marshal() ([]byte, error) {
	if err := h.check(); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	key := h.Key()
	w := wireHistory{Version: 1, Manager: key.Manager, Package: key.Name, Architecture: key.Architecture}
	for _, r := range h.Records {
		one := wireRecord{
			Version: r.Version, Digest: digestText(r.Digest), Signature: base64.StdEncoding.EncodeToString(r.Signature),
			Verdict: r.Verdict.String(), Codes: append([]verify.Code{}, r.Codes...), At: r.At.UTC().Format(timeForm),
		}
		if r.Policy != [32]byte{} {
			one.Policy = digestText(r.Policy)
		}
		w.Installations = append(w.Installations, one)
	}
	raw, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return append(raw, '\n'), nil
}

func (h History) check() error {
	if n := len(h.Records); n == 0 || n > maxInstallations {
		return fmt.Errorf("%d installations, want 1 to %d", n, maxInstallations)
	}
	for _, r := range h.Records {
		if err := r.check(); err != nil {
			return err
		}
		if r.Key() != h.Key() {
			return fmt.Errorf("installations of %s and %s", h.Key(), r.Key())
		}
	}
	return nil
}

// ParseHistory reads a file of at most 6 MiB. There is one form for one content:
// fields in another order, twice, unknown or spelt otherwise, spaces and trailing bytes
// are errors.
func ParseHistory(raw []byte) (History, error) {
	h, err := parseHistory(raw)
	if err != nil {
		return History{}, fmt.Errorf("record: %w", err)
	}
	return h, nil
}

func parseHistory(raw []byte) (History, error) {
	if len(raw) > maxHistory {
		return History{}, fmt.Errorf("%d bytes, at most %d", len(raw), maxHistory)
	}
	var w wireHistory
	if err := json.Unmarshal(raw, &w); err != nil {
		return History{}, fmt.Errorf("not JSON: %w", err)
	}
	if w.Version != 1 {
		return History{}, fmt.Errorf("version %d, this release reads 1", w.Version)
	}
	var h History
	for i, one := range w.Installations {
		r, err := one.record(Package{Manager: w.Manager, Name: w.Package, Architecture: w.Architecture})
		if err != nil {
			return History{}, fmt.Errorf("installations, item %d: %w", i, err)
		}
		h.Records = append(h.Records, r)
	}
	again, err := h.Marshal()
	if err != nil {
		return History{}, err
	}
	if !bytes.Equal(raw, again) {
		return History{}, errors.New("not in the one form that a record has")
	}
	return h, nil
}

func (w wireRecord) record(p Package) (Record, error) {
	p.Version = w.Version
	r := Record{Package: p, Codes: w.Codes}
	for _, o := range []verify.Outcome{verify.CouldNotTell, verify.NotValid, verify.Valid} {
		if o.String() == w.Verdict {
			r.Verdict = o
		}
	}
	if len(r.Codes) == 0 {
		r.Codes = nil
	}
	var err error
	if r.Digest, err = parseDigest(w.Digest); err != nil {
		return Record{}, fmt.Errorf("digest: %w", err)
	}
	if w.Policy != "" {
		if r.Policy, err = parseDigest(w.Policy); err != nil {
			return Record{}, fmt.Errorf("policy: %w", err)
		}
	}
	if w.Signature != "" {
		if r.Signature, err = base64.StdEncoding.Strict().DecodeString(w.Signature); err != nil {
			return Record{}, errors.New("signature: not base64")
		}
	}
	if r.At, err = time.Parse(timeForm, w.At); err != nil {
		return Record{}, fmt.Errorf("at: want a time like %s", timeForm)
	}
	return r, nil
}

func digestText(d [32]byte) string { return "sha256:" + hex.EncodeToString(d[:]) }

func parseDigest(s string) ([32]byte, error) {
	var d [32]byte
	digits, ok := strings.CutPrefix(s, "sha256:")
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != len(d) {
		return d, errors.New("want sha256: and 64 hex digits")
	}
	return [32]byte(b), nil
}
