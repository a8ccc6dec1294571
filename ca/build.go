package ca

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

// WayBuild is the Way of a request for a certificate for one build.
const WayBuild = "build"

// buildPrefix stands before the digest in Request.Build.
const buildPrefix = "sha256:"

// BuildName spells a digest as Request.Build and store.Certificate.Build do.
func BuildName(sha256 [32]byte) string { return buildPrefix + hex.EncodeToString(sha256[:]) }

// checkBuild refuses a request for one build that cannot be meant.
func (req Request) checkBuild() error {
	if req.Build == "" {
		return nil
	}
	digest, ok := strings.CutPrefix(req.Build, buildPrefix)
	if raw, err := hex.DecodeString(digest); !ok || err != nil || len(raw) != 32 || digest != strings.ToLower(digest) {
		return refuse(CodeBadRequest, "name it sha256:<64 lower-case hex digits>", "build %.80q", req.Build)
	}
	if req.SigningKey != "" {
		return refuse(CodeBadRequest, "a certificate for one build is for a key of its own", "a build and signing key %s", req.SigningKey)
	}
	return nil
}

// notAfter is when the certificate ends: as asked, or for one build that asks for
// nothing at the full hour that BuildValidity reaches. So the certificates of a group
// end at few moments, and a count by end is exact (package store's tally).
func (req Request) notAfter(g *grant, now time.Time) (time.Time, error) {
	if req.Build == "" || req.Validity != 0 {
		return g.end(req.Validity, now)
	}
	if until := now.Add(BuildValidity).Truncate(time.Hour); until.Before(g.until) {
		return until, nil
	}
	return g.until, nil
}

// claimKeyFor makes a key the vendor's. For one build it must be a new one: another
// certificate for it would fall with this one when it is revoked as compromised.
func claimKeyFor(tx store.Tx, req Request, spki string) error {
	if req.Build != "" {
		use, found, err := readKeyUse(tx, spki)
		if err != nil {
			return err
		}
		if found && use.Vendor == req.Vendor && use.Compromised == "" {
			return refuse(CodeKeyInUse, "make a new key for each build", "the key was certified before")
		}
	}
	return claimKey(tx, spki, req.Vendor)
}

// Grantable asks the gate and issues nothing: it returns the ids of the assessments that
// a certificate with these claims would rest on now, sorted. It promises nothing, as
// Issue asks again.
func (c *CA) Grantable(ctx context.Context, vendor string, wanted []Wanted) (assessments []string, err error) {
	now := c.now().UTC()
	err = c.store.View(ctx, func(r store.Reader) error {
		g, err := c.gate(r, vendor, wanted, now)
		if err != nil {
			return err
		}
		assessments = slices.Sorted(slices.Values(g.assessments))
		return nil
	})
	return assessments, err
}
