package ca

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/store"
)

// MassCount says what a mass revocation covers.
type MassCount struct {
	Total   int            // certificates that match
	Already int            // of those, revoked already, so that this would add nothing
	ByTier  map[string]int // of Total
	Vendors map[string]int // of Total
}

// CountMass counts what a mass revocation would cover now. The error is a *Refusal where
// the job itself will not do.
func (c *CA) CountMass(ctx context.Context, job store.RevocationJob) (MassCount, error) {
	if err := c.completeJob(&job); err != nil {
		return MassCount{}, fmt.Errorf("mass revocation: %w", err)
	}
	var count MassCount
	err := c.store.View(ctx, func(r store.Reader) error {
		count = MassCount{ByTier: map[string]int{}, Vendors: map[string]int{}}
		for cert, err := range candidates(r, job) {
			if err != nil {
				return err
			}
			if !c.covers(job, cert) {
				continue
			}
			count.Total++
			count.ByTier[cert.Tier]++
			count.Vendors[cert.Vendor]++
			if old := cert.Revocation; old != nil {
				if _, adds := strengthen(*old, dated(job.Revocation, cert)); !adds {
					count.Already++
				}
			}
		}
		return nil
	})
	if err != nil {
		return MassCount{}, fmt.Errorf("mass revocation: count: %w", err)
	}
	return count, nil
}

// StartMass decides a mass revocation and has it worked off, some certificates at a
// time. It returns when the decision is durable; FinishedAt of the job's record says
// when everything is revoked and the lists are out.
func (c *CA) StartMass(ctx context.Context, job store.RevocationJob) (store.RevocationJob, error) {
	count, err := c.CountMass(ctx, job)
	if err != nil {
		return job, err
	}
	job.Total = count.Total
	err = c.store.Update(ctx, func(tx store.Tx) error {
		var err error
		job, err = c.putJob(tx, job)
		return err
	})
	if err != nil {
		return job, fmt.Errorf("mass revocation: %w", err)
	}
	c.StartRevocations()
	return job, nil
}

// RevokeLaterIn decides a mass revocation in the caller's transaction, which then calls
// StartRevocations. It returns the job's id.
func (c *CA) RevokeLaterIn(tx store.Tx, job store.RevocationJob) (string, error) {
	job, err := c.putJob(tx, job)
	return job.ID, err
}

func (c *CA) putJob(tx store.Tx, job store.RevocationJob) (store.RevocationJob, error) {
	if err := c.completeJob(&job); err != nil {
		return job, err
	}
	job.ID = store.NewID(job.CreatedAt)
	if err := store.RevocationJobs.Insert(tx, job); err != nil {
		return job, err
	}
	return job, store.Events.Insert(tx, store.NewEvent(job.CreatedAt, job.Revocation.By, "start.mass-revocation", job.ID, map[string]string{
		"vendor": job.Vendor, "tier": job.Tier, "key": job.SPKISHA256, "certificates": strconv.Itoa(job.Total),
		"reason": strconv.Itoa(job.Revocation.Reason), "since": job.Revocation.RevocationDate.Format(time.RFC3339),
	}))
}

// completeJob fills in what is left out, and refuses a job that says too little.
func (c *CA) completeJob(job *store.RevocationJob) error {
	hint := "name a vendor, an assessment, a key or a tier"
	switch {
	case job.Vendor == "" && len(job.Assessments) == 0 && job.FrameworkURI == "" && job.SPKISHA256 == "" && job.Tier == "":
		return refuse(CodeSelection, hint, "nothing says which certificates")
	case (job.FrameworkURI == "") != (job.Track == ""):
		return refuse(CodeSelection, hint, "a framework without a track, or the other way round")
	case !job.IssuedBefore.IsZero() && !job.IssuedAfter.Before(job.IssuedBefore):
		return refuse(CodeSelection, "", "no certificate is issued after %s and before %s", job.IssuedAfter.Format(time.RFC3339), job.IssuedBefore.Format(time.RFC3339))
	}
	if job.Tier != "" {
		if !slices.Contains(c.Tiers(), job.Tier) {
			return refuse(CodeSelection, "", "no tier %q", job.Tier)
		}
	}
	if err := c.completeRevocation(&job.Revocation); err != nil {
		return err
	}
	job.CreatedAt = c.now().UTC()
	job.Seen, job.Revoked, job.After, job.Through, job.FinishedAt = 0, 0, "", false, time.Time{}
	return nil
}

// covers reports whether a certificate is what a job is about. One issued after the
// decision is not: whoever made it knew. One that is on record and was issued later than
// now was not: the clock stood ahead when it was, and has been set right since.
func (c *CA) covers(job store.RevocationJob, cert store.Certificate) bool {
	switch {
	case cert.IssuedAt.After(job.CreatedAt) && !cert.IssuedAt.After(c.now()),
		job.Vendor != "" && cert.Vendor != job.Vendor,
		job.SPKISHA256 != "" && cert.SPKISHA256 != job.SPKISHA256,
		job.Tier != "" && cert.Tier != job.Tier,
		cert.IssuedAt.Before(job.IssuedAfter),
		!job.IssuedBefore.IsZero() && !cert.IssuedAt.Before(job.IssuedBefore),
		!job.EndsAfter.IsZero() && !cert.NotAfter.After(job.EndsAfter):
		return false
	}
	if len(job.Assessments) == 0 && job.FrameworkURI == "" {
		return true
	}
	rests := slices.ContainsFunc(cert.Assessments, func(id string) bool { return slices.Contains(job.Assessments, id) })
	return rests || job.FrameworkURI != "" && c.claims(cert, job.FrameworkURI, job.Track)
}

// claims reports whether a certificate claims a level of a track. One whose mark cannot
// be read claims nothing, and is known by the assessments on its record only.
func (c *CA) claims(cert store.Certificate, framework, track string) bool {
	parsed, err := x509.ParseCertificate(cert.DER)
	if err != nil {
		return false
	}
	mark, err := c.arc.ReadMark(parsed)
	return err == nil && slices.ContainsFunc(mark.Assurance.Claims, func(claim ext.Claim) bool {
		return claim.Framework == framework && claim.Track == track
	})
}

// candidates yields the certificates of a job's narrowest index after its cursor, in
// the order of their serial numbers.
func candidates(r store.Reader, job store.RevocationJob) iter.Seq2[store.Certificate, error] {
	switch {
	case job.SPKISHA256 != "":
		return store.Certificates.ByAfter(r, "key", job.SPKISHA256, job.After)
	case len(job.Assessments) == 1 && job.FrameworkURI == "":
		return store.Certificates.ByAfter(r, "assessment", job.Assessments[0], job.After)
	case job.Vendor != "":
		return store.Certificates.ByAfter(r, "vendor", job.Vendor, job.After)
	}
	return store.Certificates.All(r, job.After)
}

// dated is a revocation as it applies to one certificate: no date lies before the
// certificate's beginning, unless that lies ahead of the decision, since it was made by a
// clock that was wrong: nothing is revoked from a date in the future.
func dated(rev store.Revocation, cert store.Certificate) store.Revocation {
	from := cert.NotBefore.UTC()
	if from.After(rev.At) {
		return rev
	}
	if rev.RevocationDate.Before(from) {
		rev.RevocationDate = from
	}
	if !rev.InvalidityDate.IsZero() && rev.InvalidityDate.Before(from) {
		rev.InvalidityDate = from
	}
	return rev
}

// StartRevocations wakes KeepRevoking.
func (c *CA) StartRevocations() {
	select {
	case c.massWake <- struct{}{}:
	default: // awake already
	}
}

// KeepRevoking works mass revocations off until ctx ends: those that a crash or an
// error left, at once and again every interval, and new ones when they are decided.
func (c *CA) KeepRevoking(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := c.WorkRevocations(ctx); err != nil && ctx.Err() == nil {
			c.log.Error("mass revocation", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-c.massWake:
		}
	}
}

// WorkRevocations finishes every mass revocation that there is. Each that fails stays
// where it is, and the others are worked on.
func (c *CA) WorkRevocations(ctx context.Context) error {
	c.mass.Lock()
	defer c.mass.Unlock()
	var open []string
	err := c.store.View(ctx, func(r store.Reader) error {
		open = nil
		for job, err := range store.RevocationJobs.By(r, "state", store.RevocationJobOpen) {
			if err != nil {
				return err
			}
			open = append(open, job.ID)
		}
		return nil
	})
	errs := []error{err}
	for _, id := range open {
		if err := c.workOff(ctx, id); err != nil {
			errs = append(errs, fmt.Errorf("mass revocation %s: %w", id, err))
		}
	}
	return errors.Join(errs...)
}

// workOff revokes what a job covers, has the lists published, and only then ends it.
func (c *CA) workOff(ctx context.Context, id string) error {
	for {
		through, err := c.revokeSome(ctx, id)
		if err != nil {
			return err
		}
		if through {
			break
		}
	}
	if err := c.PublishCRLs(ctx); err != nil {
		return err
	}
	return c.store.Update(ctx, func(tx store.Tx) error {
		job, err := store.RevocationJobs.Get(tx, id)
		if err != nil || !job.FinishedAt.IsZero() {
			return err
		}
		job.FinishedAt = c.now().UTC()
		if err := store.RevocationJobs.Put(tx, job); err != nil {
			return err
		}
		return store.Events.Insert(tx, store.NewEvent(job.FinishedAt, job.Revocation.By, "finish.mass-revocation", id, map[string]string{
			"certificates": strconv.Itoa(job.Seen), "revoked": strconv.Itoa(job.Revoked),
		}))
	})
}

// massPart is what one transaction of a job does.
type massPart struct {
	from    store.RevocationJob // as read
	certs   []store.Certificate
	last    string // serial number up to which records have been looked at
	through bool
}

// revokeSome takes a job one transaction further. Reading is done before it, so that
// nobody has to wait for that.
func (c *CA) revokeSome(ctx context.Context, id string) (through bool, err error) {
	var part massPart
	if err := c.store.View(ctx, func(r store.Reader) error {
		part = massPart{}
		return c.readPart(r, id, &part)
	}); err != nil || part.from.Through {
		return part.from.Through, err
	}
	err = c.store.Update(ctx, func(tx store.Tx) error {
		job, err := store.RevocationJobs.Get(tx, id)
		if err != nil {
			return err
		}
		if job.After != part.from.After || job.Through {
			through = job.Through
			return nil // another process was faster
		}
		through = part.through
		for _, cert := range part.certs {
			err := c.RevokeIn(tx, cert.Serial, dated(job.Revocation, cert))
			if r := IsRefusal(err); r == nil || r.Code != CodeAlreadyRevoked {
				if err != nil {
					return err
				}
				job.Revoked++
			}
			job.Seen++
		}
		job.After, job.Through = part.last, part.through
		return store.RevocationJobs.Put(tx, job)
	})
	if err != nil {
		return false, err
	}
	serials := make([]string, len(part.certs))
	for i, cert := range part.certs {
		serials[i] = cert.Serial
	}
	c.forgetAnswers(serials...)
	return through, nil
}

func (c *CA) readPart(r store.Reader, id string, part *massPart) error {
	job, err := store.RevocationJobs.Get(r, id)
	if err != nil {
		return err
	}
	part.from, part.last, part.through = job, job.After, true
	looked := 0
	for cert, err := range candidates(r, job) {
		if err != nil {
			return err
		}
		if len(part.certs) == massBatch || looked == massScan {
			part.through = false
			return nil
		}
		looked++
		part.last = cert.Serial
		if c.covers(job, cert) {
			part.certs = append(part.certs, cert)
		}
	}
	return nil
}

// massCovered returns the mass revocation that a certificate about to be recorded falls
// under: one decided after it was dated, which may have passed its serial number.
func (c *CA) massCovered(r store.Reader, cert store.Certificate) error {
	for job, err := range store.RevocationJobs.All(r, store.BeforeID(cert.IssuedAt)) {
		if err != nil {
			return fmt.Errorf("mass revocations: %w", err)
		}
		if c.covers(job, cert) {
			return refuse(CodeRevokedMeanwhile, "ask again", "mass revocation %s was decided while the certificate was being made", job.ID)
		}
	}
	return nil
}

// MassRevocation returns a mass revocation's record: how far it is.
func (c *CA) MassRevocation(ctx context.Context, id string) (job store.RevocationJob, err error) {
	err = c.store.View(ctx, func(r store.Reader) error {
		job, err = store.RevocationJobs.Get(r, id)
		if errors.Is(err, store.ErrNotFound) {
			return refuse(CodeUnknownJob, "", "no mass revocation %q", id)
		}
		return err
	})
	return job, err
}
