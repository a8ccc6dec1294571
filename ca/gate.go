package ca

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/store"
)

// Wanted is a claim somebody would like to see in a certificate.
type Wanted struct {
	Framework string `json:"framework"`       // id or URI
	Track     string `json:"track"`           // "" when the framework has one only
	Level     int    `json:"level,omitempty"` // 0 takes the level assessed
}

// grant is leave to issue: what a certificate may say and for how long. Only the
// gate makes one.
type grant struct {
	vendor       store.Vendor
	claims       []ext.Claim
	assessments  []string // ids of those relied on, no duplicates
	repositories []string
	from, until  time.Time // the certificate's validity lies within
	tier         *tier
}

// support is an assessment in force, verified again just now.
type support struct {
	record     store.Assessment
	assessment audit.Assessment
	framework  audit.Framework
	track      audit.Track
}

// gate decides what a vendor's certificate may say at a moment. It is the only
// source of grants, and Issue the only one to act on them, so whatever way a request
// comes in, it passes here.
//
// Claims come from assessments in force alone, read from their signed bytes
// (audit.InForce, audit.Open, through an audit.Opener), with the level computed from the
// findings, once for what was signed. No claims wanted means everything in force. The
// validity begins no earlier than the newest assessment relied on was made (and never more
// than backdate before now), and ends before the first of them does. The error is a *Refusal, or the store's.
func (c *CA) gate(r store.Reader, vendor string, wanted []Wanted, now time.Time) (*grant, error) {
	v, err := c.activeVendor(r, vendor)
	if err != nil {
		return nil, err
	}
	supports, err := c.supports(r, v, now)
	if err != nil {
		return nil, err
	}
	if len(supports) == 0 {
		return nil, refuse(CodeNoAssessment, "have an accredited auditor assess the vendor, and an officer accept it", "no assessment of %s is in force", v.ID)
	}
	g := &grant{vendor: v, from: now.Add(-backdate), until: now.Add(-backdate).Add(MaxValidity)}
	if len(wanted) == 0 {
		for _, s := range supports {
			if err := proven(r, s, now); err != nil {
				return nil, err
			}
			if err := g.add(s, 0); err != nil {
				return nil, err
			}
		}
	}
	for _, w := range wanted {
		s, err := c.choose(supports, w)
		if err != nil {
			return nil, err
		}
		if err := proven(r, s, now); err != nil {
			return nil, err
		}
		if err := g.add(s, w.Level); err != nil {
			return nil, err
		}
	}
	return g, c.place(g, now)
}

// MayIssue asks the gate and issues nothing: nil when Issue would grant the claims
// now. It spares work for a request that would be refused; it promises nothing,
// because Issue asks again.
func (c *CA) MayIssue(ctx context.Context, vendor string, wanted []Wanted) error {
	now := c.now().UTC()
	err := c.store.View(ctx, func(r store.Reader) error {
		_, err := c.gate(r, vendor, wanted, now)
		return err
	})
	if err != nil {
		return fmt.Errorf("may issue: %w", err)
	}
	return nil
}

// activeVendor returns a vendor that may be issued certificates.
func (c *CA) activeVendor(r store.Reader, id string) (store.Vendor, error) {
	if id == "" {
		return store.Vendor{}, refuse(CodeBadRequest, "", "no vendor named")
	}
	v, err := c.vendors.Get(r, store.Vendors, id)
	if errors.Is(err, store.ErrNotFound) {
		return store.Vendor{}, refuse(CodeUnknownVendor, "register the vendor first", "no vendor %q", id)
	}
	if err != nil {
		return store.Vendor{}, err
	}
	if !v.SuspendedAt.IsZero() {
		return store.Vendor{}, refuse(CodeVendorSuspended, "", "vendor %s is suspended since %s", v.ID, v.SuspendedAt.UTC().Format(time.RFC3339))
	}
	return v, nil
}

// supports verifies every assessment in force of a vendor.
func (c *CA) supports(r store.Reader, v store.Vendor, now time.Time) ([]support, error) {
	records, err := c.opener.InForce(r, v.ID, now)
	if err != nil {
		return nil, fmt.Errorf("assessments in force: %w", err)
	}
	var all []support
	for _, rec := range records {
		s, err := c.verify(r, v, rec)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// computed is the level that the findings of an assessment give.
type computed struct {
	level int
	id    string
}

// verify reads an assessment from its signed bytes and computes its level again. A
// record that fails is not passed over: it was accepted once, so something is wrong
// that a person must look at.
func (c *CA) verify(r store.Reader, v store.Vendor, rec store.Assessment) (support, error) {
	a, err := c.opener.Open(r, rec)
	if err != nil {
		return support{}, fmt.Errorf("assessment %s: %w", rec.ID, err)
	}
	if a.Vendor.ID != v.ID || a.Vendor.URI != v.URI {
		return support{}, refuse(CodeNoAssessment, "", "assessment %s is about %s, not about %s", rec.ID, a.Vendor.URI, v.URI)
	}
	framework, track, err := c.catalogue.Pinned(r, a)
	if err != nil {
		return support{}, fmt.Errorf("assessment %s: %w", rec.ID, err)
	}
	got, known := c.levels.Get(rec.ID) // the digest of what was signed: findings, and the catalogue's digest
	if !known {
		result := track.Compute(a.Findings)
		got = computed{result.Level, result.LevelID}
		c.levels.Put(rec.ID, got)
	}
	if got.level != a.Level || got.id != a.LevelID || a.Level != rec.Level {
		return support{}, refuse(CodeLevelUnsupported, "ask the auditor for a new assessment", "assessment %s says %s, its findings give %q", rec.ID, a.LevelID, got.id)
	}
	return support{record: rec, assessment: a, framework: framework, track: track}, nil
}

// proven refuses an assessment whose probes have found it wanting, or could not look
// for too long.
func proven(r store.Reader, s support, now time.Time) error {
	why, err := audit.Blocked(r, s.record.ID, s.assessment, now)
	if err != nil {
		return err
	}
	if why != "" {
		return refuse(CodeProbe, "mend what the probe found; 'hallmark audit probe "+s.record.ID+"' tries it again", "assessment %s: %s", s.record.ID, why)
	}
	return nil
}

// track finds the framework and track a claim names.
func (c *CA) track(w Wanted) (audit.Framework, audit.Track, error) {
	f, ok := c.catalogue.Lookup(w.Framework)
	if !ok {
		f, ok = c.catalogue.LookupURI(w.Framework)
	}
	if !ok {
		return f, audit.Track{}, refuse(CodeUnknownFramework, "name a framework by its id or URI", "no framework %q in the catalogue", w.Framework)
	}
	if w.Track == "" && len(f.Tracks) == 1 {
		return f, f.Tracks[0], nil
	}
	for _, t := range f.Tracks {
		if t.ID == w.Track {
			return f, t, nil
		}
	}
	return f, audit.Track{}, refuse(CodeUnknownTrack, "name one of the framework's tracks", "framework %s has no track %q", f.ID, w.Track)
}

// choose finds the assessment that supports a claim: the highest level of the
// track, and among equals the one that lasts longest.
func (c *CA) choose(supports []support, w Wanted) (support, error) {
	framework, track, err := c.track(w)
	if err != nil {
		return support{}, err
	}
	if w.Level < 0 {
		return support{}, refuse(CodeBadRequest, "", "level %d of %s %s", w.Level, framework.ID, track.ID)
	}
	var best *support
	for i, s := range supports {
		if s.framework.ID != framework.ID || s.track.ID != track.ID {
			continue
		}
		if best == nil || s.assessment.Level > best.assessment.Level ||
			s.assessment.Level == best.assessment.Level && s.assessment.ValidUntil.After(best.assessment.ValidUntil) {
			best = &supports[i]
		}
	}
	if best == nil {
		return support{}, refuse(CodeNoAssessment, "have an accredited auditor assess this track", "no assessment against %s %s is in force", framework.ID, track.ID)
	}
	if w.Level > best.assessment.Level {
		return support{}, refuse(CodeLevelTooHigh, fmt.Sprintf("ask for level %d or lower, or be assessed again", best.assessment.Level),
			"level %d of %s %s is wanted, the assessment in force supports %d", w.Level, framework.ID, track.ID, best.assessment.Level)
	}
	return *best, nil
}

// add puts one claim into the grant. Level 0 takes the level assessed; a lower one
// than assessed is a claim the assessment supports as well.
func (g *grant) add(s support, level int) error {
	if level == 0 {
		level = s.assessment.Level
	}
	for _, c := range g.claims {
		if c.Framework == s.framework.URI && c.Track == s.track.ID {
			return refuse(CodeBadRequest, "name each track once", "two claims about %s %s", s.framework.ID, s.track.ID)
		}
	}
	ref, err := reference(s)
	if err != nil {
		return err
	}
	id := levelID(s.track, level)
	if id == "" || !s.track.Certifiable(level) {
		return refuse(CodeLevelUnsupported, "", "level %d of %s %s is not certified", level, s.framework.ID, s.track.ID)
	}
	g.claims = append(g.claims, ext.Claim{
		Framework: s.framework.URI, Track: s.track.ID, Level: level, LevelID: id,
		Properties: s.assessment.Properties(), Assessment: ref,
	})
	if !slices.Contains(g.assessments, s.record.ID) {
		g.assessments = append(g.assessments, s.record.ID)
	}
	for _, url := range s.assessment.Scope.Repositories {
		if !slices.Contains(g.repositories, url) {
			g.repositories = append(g.repositories, url)
		}
	}
	if start := s.assessment.AssessedAt; start.After(g.from) {
		g.from = start
	}
	// The end is exclusive, notAfter is not (RFC 5280 §4.1.2.5).
	if end := s.assessment.ValidUntil.Add(-time.Second); end.Before(g.until) {
		g.until = end
	}
	return nil
}

func levelID(t audit.Track, level int) string {
	for _, l := range t.Levels {
		if l.Level == level {
			return l.ID
		}
	}
	return ""
}

// reference says which assessment a claim rests on.
func reference(s support) (ext.AssessmentRef, error) {
	ref := ext.AssessmentRef{
		AssessedAt: s.assessment.AssessedAt, ValidUntil: s.assessment.ValidUntil,
		LogOrigin: s.record.LogOrigin, LogIndex: s.record.LogIndex,
	}
	for to, from := range map[*[32]byte]string{&ref.Payload: s.record.ID, &ref.Auditor: s.record.AuditorSPKI} {
		sum, err := hex.DecodeString(from)
		if err != nil || len(sum) != len(to) {
			return ref, fmt.Errorf("assessment %s: digest %q on record", s.record.ID, from)
		}
		copy(to[:], sum)
	}
	return ref, nil
}

// place finds the lowest tier whose ceilings cover all claims together, and checks
// what the claims leave of time and repositories.
func (c *CA) place(g *grant, now time.Time) error {
	if n := len(g.claims); n > maxClaims {
		return refuse(CodeBadRequest, "ask for fewer claims", "%d claims, a certificate holds %d", n, maxClaims)
	}
	if len(g.repositories) == 0 {
		return refuse(CodeNoRepository, "the scope of the assessment must name an attestation repository", "no attestation repository in the assessments relied on")
	}
	if n := len(g.repositories); n > maxRepositories {
		return refuse(CodeNoRepository, "ask for fewer claims", "%d attestation repositories, a certificate holds %d", n, maxRepositories)
	}
	policies, err := c.arc.Policies(g.claims)
	if err != nil {
		return fmt.Errorf("policies of the claims: %w", err)
	}
	for _, t := range c.tiers {
		if t.current && t.covers(policies) {
			g.tier = t
			break
		}
	}
	if g.tier == nil {
		return refuse(CodeNoTier, "ask for fewer claims or lower levels; a framework added after `hallmark init` needs new issuing CAs", "no issuing CA may certify all of the claims together")
	}
	if start := g.tier.issuer.cert.NotBefore; start.After(g.from) {
		g.from = start
	}
	if end := g.tier.issuer.cert.NotAfter; end.Before(g.until) {
		g.until = end
	}
	if g.until.Sub(now) < minValidity {
		return refuse(CodeValidity, "be assessed again", "the assessments relied on end at %s", g.until.UTC().Format(time.RFC3339))
	}
	return nil
}
