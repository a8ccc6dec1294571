package ca

import (
	"regexp"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/keys/attestation"
	"github.com/hallmark-pki/hallmark/templates"
)

// requirements are what the tiers ask for beyond claims that assessments support, and
// the profiles that a vendor may choose.
type requirements struct {
	tiers    []templates.TierSpec
	profiles []templates.Validity // the default first
	hardware *attestation.Verifier
}

func newRequirements(hardware *attestation.Verifier) (requirements, error) {
	q := requirements{hardware: hardware}
	var err error
	if q.tiers, err = templates.Tiers(); err != nil {
		return q, err
	}
	if q.profiles, err = templates.Validities(); err != nil {
		return q, err
	}
	if q.hardware == nil {
		q.hardware, err = attestation.New(nil)
	}
	return q, err
}

// generation is the end of an issuing CA's id from a tier's second one on.
var generation = regexp.MustCompile(`-[0-9]+$`)

// of returns what an issuing CA asks for. One of a tier that is not among ours asks for
// everything: whoever made it wanted it to stand for something, and nobody said what.
func (q requirements) of(issuer string) templates.TierSpec {
	for _, t := range q.tiers {
		if t.Name == issuer {
			return t
		}
	}
	if first := generation.ReplaceAllString(issuer, ""); first != issuer {
		return q.of(first)
	}
	return templates.TierSpec{Name: issuer, Approval: templates.ApprovalOfficer, HardwareKey: templates.HardwareKeyRequired}
}

// profile finds a profile by its name; "" is the default.
func (q requirements) profile(name string) (templates.Validity, error) {
	if name == "" {
		return q.profiles[0], nil
	}
	i := slices.IndexFunc(q.profiles, func(v templates.Validity) bool { return v.Name == name })
	if i < 0 {
		var names string
		for _, v := range q.profiles {
			names += " " + v.Name
		}
		return templates.Validity{}, refuse(CodeUnknownProfile, "the profiles are:"+names, "no profile %q", name)
	}
	return q.profiles[i], nil
}

// shorten cuts a grant to what the profile of a request allows.
func (q requirements) shorten(g *grant, req Request, now time.Time) error {
	p, err := q.profile(req.Profile)
	if err != nil {
		return err
	}
	if req.Validity > p.Max()+time.Second {
		return refuse(CodeValidity, "", "a validity of %s is longer than the %d days of profile %s", req.Validity, p.MaxDays, p.Name)
	}
	if until := now.Add(-backdate).Add(p.Max()); until.Before(g.until) {
		g.until = until
	}
	return nil
}
