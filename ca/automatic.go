package ca

import (
	"context"
	"time"
)

// What the machine needs that revokes certificates without a human.

// TrustedTime returns the time by the clock of the timestamping authority: not before any
// that was given earlier, and no time at all while time sources say that the clock is
// wrong, or after it has jumped. The error wraps ErrTimeNotAvailable when the clock is to
// blame.
func (c *CA) TrustedTime(ctx context.Context) (time.Time, error) { return c.tsa.clock.stampTime(ctx) }

// PublishRevoked brings revocations on record (RevokeIn) to those who ask: OCSP answers
// made before are dropped, and lists that are out of date are published. It may be called
// again and again.
func (c *CA) PublishRevoked(ctx context.Context, serials ...string) error {
	c.forgetAnswers(serials...)
	return c.PublishCRLs(ctx)
}
