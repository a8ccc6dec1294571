package server

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/verify"
)

const (
	// statusValidity is how long a status bundle holds: its lists last a week and are at
	// most a day old when it is made, so none of them ends first.
	statusValidity = 6 * 24 * time.Hour
	// statusRefresh is the age at which an unchanged one is made anew.
	statusRefresh = 12 * time.Hour
	// freshTries bounds how often a bundle is made again because another process was first.
	freshTries = 5
)

// errOvertaken says that another process published in between.
var errOvertaken = errors.New("something newer was published meanwhile")

// freshness is what verifiers ask for again and again. What is published lies in the
// store, so that numbers go up whatever happens to the process; it is looked at when
// somebody asks, so that nobody gets what is older than the last revocation.
type freshness struct {
	mu    sync.Mutex // one looks at a time
	ended store.Memo[store.Assessment]
}

// currentStatus returns the status bundle, made anew if something has happened or half
// a day has passed.
func (s *Server) currentStatus(ctx context.Context) (store.StatusBundle, error) {
	for range freshTries {
		b, err := s.refreshStatus(ctx)
		if !errors.Is(err, errOvertaken) {
			return b, err
		}
	}
	return store.StatusBundle{}, fmt.Errorf("status bundle: %w", errOvertaken)
}

func (s *Server) refreshStatus(ctx context.Context) (store.StatusBundle, error) {
	now := s.Now().UTC().Truncate(time.Second)
	status := verify.Status{IssuedAt: now, NextUpdate: now.Add(statusValidity)}
	for _, name := range s.CA.Lists() {
		crl, err := s.CA.CRL(ctx, name)
		if err != nil {
			return store.StatusBundle{}, err
		}
		status.CRLs = append(status.CRLs, crl)
	}
	var last store.StatusBundle
	err := s.Store.View(ctx, func(r store.Reader) error {
		var err error
		if last, err = lastStatus(r); err != nil {
			return err
		}
		status.Assessments, err = s.transitions(r, now)
		return err
	})
	if err != nil {
		return store.StatusBundle{}, fmt.Errorf("status bundle: %w", err)
	}
	signer := s.CA.StatusSigner()
	inputs, err := inputsOf(status, signer.Public())
	if err != nil {
		return store.StatusBundle{}, fmt.Errorf("status bundle: %w", err)
	}
	if age := now.Sub(last.IssuedAt); last.Inputs == inputs && age >= 0 && age < statusRefresh {
		return last, nil
	}
	// The log moves all the time: it is taken along, and no reason for a new bundle.
	if status.Checkpoint, err = s.Ledger.Checkpoint(ctx); err != nil {
		return store.StatusBundle{}, fmt.Errorf("status bundle: %w", err)
	}
	status.Number = max(last.Number+1, uint64(max(0, now.Unix()))) // as with lists: a restored store gives out no number twice
	body, err := status.Sign(ctx, signer)
	if err != nil {
		return store.StatusBundle{}, err
	}
	next := store.StatusBundle{Number: status.Number, IssuedAt: now, Inputs: inputs, Body: body}
	return next, s.Store.Update(ctx, func(tx store.Tx) error {
		have, err := lastStatus(tx)
		if err != nil {
			return err
		}
		if have.Number != last.Number {
			return errOvertaken
		}
		return store.StatusBundles.Put(tx, next)
	})
}

// lastStatus is the zero value where there is none yet.
func lastStatus(r store.Reader) (store.StatusBundle, error) {
	b, err := store.StatusBundles.Get(r, store.StatusBundleKey)
	if errors.Is(err, store.ErrNotFound) {
		return store.StatusBundle{}, nil
	}
	return b, err
}

// transitions lists the assessments that ended before their time, as verifiers see
// them. One in review has ended as long as nobody has upheld it. That one was superseded
// matters as long as it would be in force; that one should not be relied on, for ever.
func (s *Server) transitions(r store.Reader, now time.Time) ([]verify.Transition, error) {
	var out []verify.Transition
	for _, state := range []string{store.AssessmentWithdrawn, store.AssessmentLowered, store.AssessmentSuperseded, store.AssessmentInReview} {
		for rec, err := range s.fresh.ended.By(r, store.Assessments, "state", state) {
			if err != nil {
				return nil, err
			}
			if state == store.AssessmentSuperseded && !now.Before(rec.ValidUntil) {
				continue
			}
			t, err := s.transition(r, rec)
			if err != nil {
				return nil, fmt.Errorf("assessment %s: %w", rec.ID, err)
			}
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b verify.Transition) int { return bytes.Compare(a.Assessment[:], b.Assessment[:]) })
	return out, nil
}

func (s *Server) transition(r store.Reader, rec store.Assessment) (verify.Transition, error) {
	t := verify.Transition{To: rec.State, Effective: rec.EndedAt.UTC().Truncate(time.Second)}
	switch rec.State {
	case store.AssessmentWithdrawn:
		t.Effective = rec.IneffectiveAt.UTC().Truncate(time.Second)
	case store.AssessmentInReview:
		t.Effective = rec.ReopenedAt.UTC().Truncate(time.Second)
	case store.AssessmentLowered:
		by, err := s.fresh.ended.Get(r, store.Assessments, audit.LoweredBy(rec))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return verify.Transition{}, err
		}
		t.Level = by.Level // 0, no claim stands, where it cannot be found
	}
	sum, err := hex.DecodeString(rec.ID)
	if err != nil || len(sum) != len(t.Assessment) {
		return verify.Transition{}, errors.New("its id is no SHA-256")
	}
	copy(t.Assessment[:], sum)
	return t, nil
}

// inputsOf sums up what calls for a new bundle when it changes.
// Another key is one.
func inputsOf(status verify.Status, signer crypto.PublicKey) (string, error) {
	id, err := attest.KeyID(signer)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	part := func(h hash.Hash, text string) { fmt.Fprintf(h, "%d %s\n", len(text), text) }
	for _, crl := range status.CRLs {
		part(sum, string(crl))
	}
	for _, t := range status.Assessments {
		part(sum, fmt.Sprintf("%x %s %d %d", t.Assessment, t.To, t.Effective.Unix(), t.Level))
	}
	part(sum, id)
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// currentTrust returns the trust bundle. Its issue time stays as long as nothing else in
// it changes, so that the same trust is the same file.
func (s *Server) currentTrust(ctx context.Context) ([]byte, error) {
	anchors, err := s.CA.Trust(ctx)
	if err != nil {
		return nil, err
	}
	trust := verify.Trust{
		Name: s.Name, Arc: anchors.Arc, Roots: anchors.Roots, TimestampRoots: anchors.TimestampRoots,
		Logs: []string{s.LedgerKey}, VSAKeys: anchors.VSAKeys,
	}
	for _, key := range anchors.StatusKeys {
		trust.StatusKeys = append(trust.StatusKeys, verify.StatusKey{Key: key.Key, NotBefore: key.NotBefore, NotAfter: key.NotAfter})
	}
	s.fresh.mu.Lock()
	defer s.fresh.mu.Unlock()
	last, err := s.publishedTrust(ctx)
	if err != nil {
		return nil, err
	}
	if last != nil {
		old, err := verify.ParseTrust(last)
		if err != nil {
			return nil, fmt.Errorf("published trust bundle: %w", err)
		}
		trust.IssuedAt = old.IssuedAt
		if raw, err := trust.Marshal(); err != nil || bytes.Equal(raw, last) {
			return raw, err
		}
	}
	trust.IssuedAt = s.Now()
	return trust.Marshal()
}
