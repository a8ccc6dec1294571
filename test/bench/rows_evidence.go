package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/repository"
)

const (
	evidenceVendor = "acme"
	// fewArtifacts is the repository that the large one is compared with, and how many
	// artifacts both are asked about: the same ones, so that only the others make a
	// difference.
	fewArtifacts = 10
	// lookups of all of them make one measurement, which one would be too short for.
	lookups = 200
	// maxLinks is how many names one file gets, below what ext4 allows. What a look-up
	// could suffer from are the names.
	maxLinks = 50_000
)

// evidenceLookup asks a repository of many artifacts and one of ten about the same ten:
// first from the files, as after a start, then from what is remembered of them.
func evidenceLookup(ctx context.Context, l *lab) ([]measurement, error) {
	if l.artifacts == 0 {
		return nil, nil
	}
	small, err := l.evidenceOf(ctx, "evidence-small", fewArtifacts)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	large, err := l.evidenceOf(ctx, "evidence-large", l.artifacts)
	if err != nil {
		return nil, fmt.Errorf("fill a repository: %w", err)
	}
	filled := time.Since(start)
	var all []measurement
	for _, again := range []bool{false, true} {
		ours := side{fmt.Sprintf("lookup among %d", l.artifacts), lookUp(large, again)}
		peer := side{fmt.Sprintf("among %d", fewArtifacts), lookUp(small, again)}
		took, err := takeTurns(ctx, l.rounds, ours, peer)
		if err != nil {
			return nil, err
		}
		for i := range took {
			took[i] /= lookups * fewArtifacts
		}
		m := slower(ours, took[0], peer, took[1], atMost(1.2))
		m.Note = "files read; the large one was filled in " + show(filled)
		if again {
			m.Note = "asked before"
		}
		all = append(all, m)
	}
	return all, os.RemoveAll(large)
}

// evidenceOf makes a repository by writing its files, most of them as further names of a
// few; filing a million envelopes durably would take hours.
func (l *lab) evidenceOf(ctx context.Context, name string, n int) (string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	dir := l.path(name)
	sources := filepath.Join(dir, evidenceVendor, "sha256")
	for i := range 256 {
		if err := os.MkdirAll(filepath.Join(sources, fmt.Sprintf("%02x", i)), 0o700); err != nil {
			return "", err
		}
	}
	var line []byte
	var same string // a file that others are links to
	for i := range n {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		digest := artifactDigest(i)
		path := filepath.Join(sources, digest[:2], digest+".jsonl")
		if i > fewArtifacts && i%maxLinks != 0 { // the others are never read
			if err := os.Link(same, path); err != nil {
				return "", err
			}
			continue
		}
		if i < fewArtifacts {
			if line, err = evidenceLine(ctx, digest, key); err != nil {
				return "", err
			}
		}
		if err := os.WriteFile(path, line, 0o600); err != nil {
			return "", err
		}
		same = path
	}
	// What was written a moment ago is not remembered.
	old := time.Now().Add(-time.Hour)
	for i := range fewArtifacts {
		digest := artifactDigest(i)
		if err := os.Chtimes(filepath.Join(sources, digest[:2], digest+".jsonl"), old, old); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func artifactDigest(i int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "artifact %d", i))
	return hex.EncodeToString(sum[:])
}

func evidenceLine(ctx context.Context, digest string, key *ecdsa.PrivateKey) ([]byte, error) {
	statement, err := attest.NewProvenanceV1(attest.Build{
		Subjects:  []attest.Subject{{Name: "build", Digest: map[string]string{"sha256": digest}}},
		BuilderID: exampleBuilder, BuildType: exampleBuildType,
		Source: attest.ResourceDescriptor{URI: exampleSource, Digest: map[string]string{"gitCommit": exampleCommit}},
	})
	if err != nil {
		return nil, err
	}
	envelope, err := attest.SignStatement(ctx, statement, key)
	return append(envelope, '\n'), err
}

// lookUp measures the lookups of the ten artifacts, each by a repository that has not
// been asked before, or by one that has.
func lookUp(dir string, again bool) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		var took time.Duration
		var r *repository.Repository
		for i := range lookups {
			if i == 0 || !again {
				var err error
				if r, err = repository.Open(dir); err != nil {
					return 0, err
				}
			}
			if i == 0 && again {
				if _, err := askAll(ctx, r); err != nil {
					return 0, err
				}
			}
			d, err := askAll(ctx, r)
			if err != nil {
				return 0, err
			}
			took += d
		}
		return took, nil
	}
}

func askAll(ctx context.Context, r *repository.Repository) (time.Duration, error) {
	start := time.Now()
	for i := range fewArtifacts {
		lines, err := r.Get(ctx, evidenceVendor, artifactDigest(i))
		if err == nil && len(lines) != 1 {
			err = errors.New("the evidence is not there")
		}
		if err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}
