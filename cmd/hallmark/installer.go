package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/verify"
)

// installer judges what this CA signs as somebody who trusts it: with its anchors of the
// moment, and the log's key.
type installer struct {
	ca  *ca.CA
	log string // verifier key
}

// Judge implements sign.Installer.
func (i installer) Judge(ctx context.Context, f verify.Finished) error {
	anchors, err := i.ca.Trust(ctx)
	if err != nil {
		return err
	}
	v, err := verify.New(verify.Config{
		Trust: verify.Trust{
			Name: anchors.Name, Arc: anchors.Arc, Roots: anchors.Roots, TimestampRoots: anchors.TimestampRoots,
			Logs: []string{i.log}, VSAKeys: anchors.VSAKeys, IssuedAt: time.Now(),
		},
		Policy: verify.Policy{Mode: verify.Enforce, Revocation: verify.IfAvailable, Timestamp: verify.Required, Attestations: verify.Stapled},
		Now:    time.Now,
	})
	if err != nil {
		return err
	}
	verdict := v.Finished(ctx, f)
	if verdict.Outcome == verify.Valid {
		return nil
	}
	errs := []error{fmt.Errorf("verdict: %s", verdict.Outcome)}
	for _, r := range verdict.Reasons {
		errs = append(errs, fmt.Errorf("%s: %s", r.Code, r.Detail))
	}
	return errors.Join(errs...)
}
