package verify

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Mode says what a refusal leads to.
type Mode string

const (
	// Enforce: what is not valid is refused.
	Enforce Mode = "enforce"
	// Warn: verdicts are the same, but the command reports and lets files pass.
	Warn Mode = "warn"
)

// Demand says how much a check is insisted on.
type Demand string

const (
	// Required: without the data the file is refused.
	Required Demand = "required"
	// IfAvailable: data that is there counts, missing data does not refuse.
	IfAvailable Demand = "if-available"
	// Off: not looked at.
	Off Demand = "off"
)

// Attestations says which evidence beyond the certificate is demanded.
type Attestations string

const (
	// NoAttestations: none; the value "off".
	NoAttestations Attestations = "off"
	// Stapled: a verification summary and receipts, all inside the signature.
	Stapled Attestations = "stapled"
	// Fetch: the same, and a summary that is not inside may be fetched from the
	// repository that the certificate names. The only mode that opens sockets.
	Fetch Attestations = "fetch"
)

// Confirmation says whether a provisional signature will do: one that was made with basic
// evidence, before rebuilders had confirmed the build.
type Confirmation string

const (
	// ConfirmedOnly: a summary that verifies every level must be at hand; the value
	// "required".
	ConfirmedOnly Confirmation = "required"
	// ConfirmedOrNot: a provisional signature passes until it is revoked, and says so; the
	// value "any". Once it is overdue, newer revocation data must be at hand.
	ConfirmedOrNot Confirmation = "any"
)

// Requirement is one claim that must be there: this track, at this level or above.
type Requirement struct {
	Framework string // URI
	Track     string
	Level     int
}

func (r Requirement) String() string {
	return fmt.Sprintf("%s track %s level %d or above", r.Framework, r.Track, r.Level)
}

// Exception lets files pass that the policy refuses, until it expires.
//
// One by digest is for exactly one file and forgives everything, even a missing
// signature: the digest is the SHA-256 of the file, for a signed package of the
// bytes before its signature. One by vendor forgives only RequirementUnmet: the
// signature must be good and the certificate name that vendor.
type Exception struct {
	Digest  string // lower-case hex, or ""
	Vendor  string // URI, or ""
	Reason  string // for the report, never empty
	Expires time.Time
}

// Policy is what a machine demands. Its file is YAML; unknown keys, empty values,
// anchors and a second document are errors:
//
//	version: 1                  # required
//	mode: enforce               # enforce | warn; default enforce
//	require:                    # default: some claim, whichever
//	  - {framework: slsa-v0.1, track: slsa, level: 3}     # a list: all of them
//	# require:
//	#   - [{framework: slsa-v0.1, track: slsa, level: 3}] # a list of lists:
//	#   - [{framework: slsa-v1.2, track: build, level: 3}, #   one of the lists,
//	#      {framework: slsa-v1.2, track: source, level: 2}] #   all of its items
//	revocation: required        # required | if-available | off; default required
//	timestamp: required         # required | if-available; default required
//	attestations: off           # off | stapled | fetch; default off
//	confirmed: required         # required | any; default any with attestations off, else required
//	assessments: when-signed    # when-signed | in-force-today; default when-signed
//	max_status_age: 7d          # d, h, m; default: what each CRL says of itself
//	exceptions:
//	  - digest: sha256:9f86...  # either digest
//	    reason: built before we had a certificate
//	    expires: 2026-12-31     # a day begins at 00:00 UTC; or an RFC 3339 time
//	  - vendor: https://vendor.example.com   # or vendor
//	    reason: assessment under way
//	    expires: 2026-06-30T12:00:00Z
//
// framework is the framework's URI, or one of the ids in Frameworks. track may be
// left out where an id has only one. A claim of another framework, version or
// track never counts, however high its level.
type Policy struct {
	Mode         Mode
	Require      [][]Requirement // alternatives, each a list of which all must hold; none: some claim
	Revocation   Demand
	Timestamp    Demand // Required or IfAvailable
	Attestations Attestations
	MaxStatusAge time.Duration // 0: only each CRL's own nextUpdate counts
	// WarnStatusAge: from this age on verdicts carry NoteStatusAging; 0: never.
	WarnStatusAge time.Duration
	Exceptions    []Exception
	BuiltIn       bool // set by DefaultPolicy: every verdict then says so
	// Confirmed "" is ConfirmedOrNot where Attestations is NoAttestations, and else
	// ConfirmedOnly: who demands a summary demands one that verifies something.
	Confirmed Confirmation
	// Assessments "" is WhenSigned.
	Assessments Assessments
}

// DefaultPolicy is used where there is no policy file. It demands a good chain, a
// timestamp and some claim, and uses revocation data that is there.
func DefaultPolicy() Policy {
	return Policy{Mode: Enforce, Revocation: IfAvailable, Timestamp: Required, Attestations: NoAttestations, BuiltIn: true}
}

type policyFile struct {
	Version      int             `yaml:"version"`
	Mode         Mode            `yaml:"mode"`
	Require      yaml.Node       `yaml:"require"`
	Revocation   Demand          `yaml:"revocation"`
	Timestamp    Demand          `yaml:"timestamp"`
	Attestations Attestations    `yaml:"attestations"`
	Confirmed    Confirmation    `yaml:"confirmed"`
	Assessments  Assessments     `yaml:"assessments"`
	MaxStatusAge string          `yaml:"max_status_age"`
	Exceptions   []exceptionFile `yaml:"exceptions"`
}

type exceptionFile struct {
	Digest  string `yaml:"digest"`
	Vendor  string `yaml:"vendor"`
	Reason  string `yaml:"reason"`
	Expires string `yaml:"expires"`
}

// ParsePolicy reads a policy file of at most 256 KiB.
func ParsePolicy(raw []byte) (Policy, error) {
	p, err := parsePolicy(raw)
	if err != nil {
		return Policy{}, fmt.Errorf("policy: %w", err)
	}
	return p, nil
}

func parsePolicy(raw []byte) (Policy, error) {
	if len(raw) > maxPolicyBytes {
		return Policy{}, fmt.Errorf("%d bytes, at most %d", len(raw), maxPolicyBytes)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(raw, &root); err != nil {
		return Policy{}, err
	}
	if err := plainYAML(&root, 0); err != nil {
		return Policy{}, err
	}
	f := policyFile{
		Mode: Enforce, Revocation: Required, Timestamp: Required, Attestations: NoAttestations,
	}
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil {
		if errors.Is(err, io.EOF) {
			return Policy{}, errors.New("empty")
		}
		return Policy{}, err
	}
	if err := d.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return Policy{}, errors.New("more than one YAML document")
	}
	return f.policy()
}

// plainYAML refuses what makes YAML hard to read twice the same way: aliases (which
// also multiply), explicit tags, and a key without a value, which would mean "default".
func plainYAML(n *yaml.Node, depth int) error {
	switch {
	case depth > maxDepth:
		return fmt.Errorf("line %d: nested deeper than %d", n.Line, maxDepth)
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return fmt.Errorf("line %d: anchors and aliases are not allowed", n.Line)
	case n.Style&yaml.TaggedStyle != 0:
		return fmt.Errorf("line %d: tags are not allowed", n.Line)
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return fmt.Errorf("line %d: empty value", n.Line)
	}
	for _, c := range n.Content {
		if err := plainYAML(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (f policyFile) policy() (Policy, error) {
	p := Policy{Mode: f.Mode, Revocation: f.Revocation, Timestamp: f.Timestamp, Attestations: f.Attestations, Confirmed: f.Confirmed, Assessments: f.Assessments}
	if f.Version != 1 {
		return Policy{}, fmt.Errorf("version %d, this release reads 1: %w", f.Version, errVersion)
	}
	var err error
	if p.Require, err = parseRequire(&f.Require); err != nil {
		return Policy{}, fmt.Errorf("require: %w", err)
	}
	if p.MaxStatusAge, err = parseAge(f.MaxStatusAge); err != nil {
		return Policy{}, fmt.Errorf("max_status_age: %w", err)
	}
	if len(f.Exceptions) > maxExceptions {
		return Policy{}, fmt.Errorf("exceptions: %d, at most %d", len(f.Exceptions), maxExceptions)
	}
	for i, e := range f.Exceptions {
		exception, err := e.exception()
		if err != nil {
			return Policy{}, fmt.Errorf("exceptions, item %d: %w", i+1, err)
		}
		p.Exceptions = append(p.Exceptions, exception)
	}
	return p, p.check()
}

// MayFetch reports whether some file may be judged with evidence from the network, so
// that a Fetcher is needed.
func (p Policy) MayFetch() bool { return p.Attestations == Fetch }

// check holds for a policy however it was made.
func (p Policy) check() error {
	switch {
	case p.Mode != Enforce && p.Mode != Warn:
		return fmt.Errorf("mode %.32q: want enforce or warn", p.Mode)
	case p.Revocation != Required && p.Revocation != IfAvailable && p.Revocation != Off:
		return fmt.Errorf("revocation %.32q: want required, if-available or off", p.Revocation)
	case p.Timestamp != Required && p.Timestamp != IfAvailable:
		return fmt.Errorf("timestamp %.32q: want required or if-available", p.Timestamp)
	case p.Attestations != NoAttestations && p.Attestations != Stapled && p.Attestations != Fetch:
		return fmt.Errorf("attestations %.32q: want off, stapled or fetch", p.Attestations)
	case p.Confirmed != "" && p.Confirmed != ConfirmedOnly && p.Confirmed != ConfirmedOrNot:
		return fmt.Errorf("confirmed %.32q: want required or any", p.Confirmed)
	case p.Assessments != "" && p.Assessments != WhenSigned && p.Assessments != InForceToday:
		return fmt.Errorf("assessments %.32q: want when-signed or in-force-today", p.Assessments)
	case p.WarnStatusAge < 0:
		return errors.New("warn_status_age is negative")
	case p.MaxStatusAge > 0 && p.WarnStatusAge >= p.MaxStatusAge:
		return errors.New("warn_status_age: not below max_status_age, so it would never warn")
	case p.MaxStatusAge < 0:
		return errors.New("max_status_age is negative")
	}
	for _, all := range p.Require {
		if len(all) == 0 {
			return errors.New("require: an alternative without items would let everything pass")
		}
		for _, r := range all {
			if r.Framework == "" || r.Track == "" || r.Level < 1 {
				return fmt.Errorf("require: %q track %q level %d: want a framework, a track and a level from 1", r.Framework, r.Track, r.Level)
			}
		}
	}
	for i, e := range p.Exceptions {
		if err := e.check(); err != nil {
			return fmt.Errorf("exceptions, item %d: %w", i+1, err)
		}
	}
	return nil
}

// parseAge reads a number of days, hours or minutes: "7d", "36h", "90m".
func parseAge(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour, 'm': time.Minute}
	unit, ok := units[s[len(s)-1]]
	n, err := strconv.ParseUint(s[:len(s)-1], 10, 16)
	if !ok || err != nil || n == 0 {
		return 0, fmt.Errorf("%.32q: want a number and d, h or m, like 7d", s)
	}
	return time.Duration(n) * unit, nil
}

func (f exceptionFile) exception() (Exception, error) {
	e := Exception{Vendor: f.Vendor, Reason: f.Reason}
	if f.Digest != "" {
		hexDigest, ok := strings.CutPrefix(f.Digest, "sha256:")
		if !ok {
			return Exception{}, fmt.Errorf("digest %.80q: want sha256: and 64 hex digits", f.Digest)
		}
		e.Digest = hexDigest
	}
	var err error
	e.Expires, err = time.Parse(time.DateOnly, f.Expires)
	if err != nil {
		e.Expires, err = time.Parse(time.RFC3339, f.Expires)
	}
	if err != nil {
		return Exception{}, fmt.Errorf("expires %.40q: want a day like 2026-12-31 or an RFC 3339 time", f.Expires)
	}
	return e, e.check()
}

func (e Exception) check() error {
	switch {
	case (e.Digest == "") == (e.Vendor == ""):
		return errors.New("want exactly one of digest and vendor")
	case strings.TrimSpace(e.Reason) == "":
		return errors.New("reason is missing")
	case len(e.Reason) > maxPolicyText || len(e.Vendor) > maxPolicyText:
		return fmt.Errorf("text longer than %d bytes", maxPolicyText)
	case e.Expires.IsZero():
		return errors.New("expires is missing")
	}
	if e.Digest != "" {
		if b, err := hex.DecodeString(e.Digest); err != nil || len(b) != 32 || strings.ToLower(e.Digest) != e.Digest {
			return fmt.Errorf("digest %.80q: want sha256: and 64 lower-case hex digits", e.Digest)
		}
		return nil
	}
	if u, err := url.Parse(e.Vendor); err != nil || u.Scheme == "" {
		return fmt.Errorf("vendor %.80q: want the URI in its certificate", e.Vendor)
	}
	return nil
}
