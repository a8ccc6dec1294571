package verify

import (
	"cmp"
	"errors"
	"fmt"
	"time"
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
//	warn_status_age: 2d         # d, h, m; older revocation data: a note; default: never
//	max_status_age: 7d          # d, h, m; default: what each CRL says of itself
//	rules:                      # the first that fits, and no other
//	  - package: linux-image-*  # a name, or the beginning of names and *
//	    vendor: https://vendor.example.com   # either, or both
//	    require:                # and what else of the keys above, but for version and the ages
//	      - {framework: slsa-v0.1, level: 4}
//	exceptions:
//	  - digest: sha256:9f86...  # either the digest of one file
//	    reason: built before we had a certificate
//	    expires: 2026-12-31     # a day begins at 00:00 UTC; or an RFC 3339 time
//	  - vendor: https://vendor.example.com   # or vendor, or package, or both
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
	Rules         []Rule // the first that fits replaces what it names
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

// check holds for a policy however it was made.
func (p Policy) check() error {
	words := Rule{Mode: p.Mode, Revocation: p.Revocation, Timestamp: p.Timestamp, Attestations: p.Attestations, Confirmed: p.Confirmed, Assessments: p.Assessments}
	if err := cmp.Or(words.checkWords(), checkRequire(p.Require)); err != nil {
		return err
	}
	switch {
	case p.Mode == "" || p.Revocation == "" || p.Timestamp == "" || p.Attestations == "":
		return errors.New("mode, revocation, timestamp and attestations must be set")
	case p.WarnStatusAge < 0 || p.MaxStatusAge < 0:
		return errors.New("an age of status is negative")
	case p.MaxStatusAge > 0 && p.WarnStatusAge >= p.MaxStatusAge:
		return errors.New("warn_status_age: not below max_status_age, so it would never warn")
	}
	for i, r := range p.Rules {
		if err := r.check(); err != nil {
			return fmt.Errorf("rules, item %d: %w", i+1, err)
		}
	}
	for i, e := range p.Exceptions {
		if err := e.check(); err != nil {
			return fmt.Errorf("exceptions, item %d: %w", i+1, err)
		}
	}
	return nil
}

func checkRequire(require [][]Requirement) error {
	if len(require) > maxAlternatives {
		return fmt.Errorf("require: %d alternatives, at most %d", len(require), maxAlternatives)
	}
	for _, all := range require {
		if len(all) == 0 {
			return errors.New("require: an alternative without items would let everything pass")
		}
		for _, r := range all {
			if r.Framework == "" || r.Track == "" || r.Level < 1 {
				return fmt.Errorf("require: %q track %q level %d: want a framework, a track and a level from 1", r.Framework, r.Track, r.Level)
			}
		}
	}
	return nil
}
