package install

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/verify"
)

// Report is what became of a transaction.
type Report struct {
	Time                time.Time
	Packages            []Judged // in apt's order
	Refused, Warned     int      // of them: not valid, with the policy's mode enforce and warn
	Configured, Removed int      // changes without a file, which were not judged
}

// Count fills in the numbers.
func (r *Report) Count(t Transaction) {
	for _, j := range r.Packages {
		switch {
		case j.Refused():
			r.Refused++
		case j.Verdict.Outcome != verify.Valid:
			r.Warned++
		}
	}
	for _, c := range t.Changes {
		switch c.Action {
		case Configure:
			r.Configured++
		case Remove:
			r.Removed++
		}
	}
}

// Decision is what apt was told: "refused", "warned" or "accepted".
func (r Report) Decision() string {
	switch {
	case r.Refused > 0:
		return "refused"
	case r.Warned > 0:
		return "warned"
	}
	return "accepted"
}

type wirePackage struct {
	Package   string         `json:"package"`
	Direction Direction      `json:"direction"`
	Old       *Version       `json:"old,omitempty"`
	New       Version        `json:"new"`
	Verdict   verify.Verdict `json:"verdict"`
}

// MarshalJSON writes one object: version (1), time (RFC 3339), decision, packages (each
// with package, direction, old and new version, and the verdict as --json prints it),
// refused, warned, configured and removed as numbers.
func (r Report) MarshalJSON() ([]byte, error) {
	packages := []wirePackage{}
	for _, j := range r.Packages {
		p := wirePackage{Package: j.Package, Direction: j.Direction, New: j.New, Verdict: j.Verdict}
		if (j.Old != Version{}) {
			p.Old = &j.Old
		}
		packages = append(packages, p)
	}
	return json.Marshal(struct {
		Version    int           `json:"version"`
		Time       time.Time     `json:"time"`
		Decision   string        `json:"decision"`
		Packages   []wirePackage `json:"packages"`
		Refused    int           `json:"refused"`
		Warned     int           `json:"warned"`
		Configured int           `json:"configured"`
		Removed    int           `json:"removed"`
	}{1, r.Time.UTC().Truncate(time.Second), r.Decision(), packages, r.Refused, r.Warned, r.Configured, r.Removed})
}

// Write leaves the report in a file, durably, in place of the last transaction's.
func (r Report) Write(path string) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := durable.WriteFile(path, append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
