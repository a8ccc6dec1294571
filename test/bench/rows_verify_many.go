package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/test/pki"
)

const (
	packages = 500
	// manyRounds bounds the rounds of rows that start hundreds of processes in each.
	manyRounds = 7
	// hugeFile is how large a file is of which next to nothing is on disk.
	hugeFile = 4 << 30
)

// verifyMany gives the verifier a whole transaction at once, as a hook does, and gpgv one
// file after the other, as there is no other way to ask it.
func verifyMany(ctx context.Context, l *lab) ([]measurement, error) {
	p, err := newPKI()
	if err != nil {
		return nil, err
	}
	arguments, err := l.installerFiles(p)
	if err != nil {
		return nil, err
	}
	var files []string
	for i := range packages {
		file, err := l.signed(p, fmt.Sprintf("package-%d.deb", i), pki.Deb(fmt.Append(make([]byte, smallFile), i)))
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	ours := process(fmt.Sprintf("hallmark-verify, %d packages", packages), filepath.Join(l.bin, "hallmark-verify"), slices.Concat(arguments, files)...)
	one, err := l.gpgvOf(files[0])
	if err != nil {
		return nil, err
	}
	theirs := side{fmt.Sprintf("%d times gpgv", packages), func(ctx context.Context) (time.Duration, error) {
		start := time.Now()
		for range packages {
			if _, err := one.run(ctx); err != nil {
				return 0, err
			}
		}
		return time.Since(start), nil
	}}
	took, err := takeTurns(ctx, min(l.rounds, manyRounds), ours, theirs)
	if err != nil {
		return nil, err
	}
	return []measurement{slower(ours, took[0], theirs, took[1], atMost(0.1))}, nil
}

// verifyHuge is what memory a file of 4 GB takes.
func verifyHuge(ctx context.Context, l *lab) ([]measurement, error) {
	p, err := newPKI()
	if err != nil {
		return nil, err
	}
	arguments, err := l.installerFiles(p)
	if err != nil {
		return nil, err
	}
	file := l.path("huge.bin")
	digest, err := sparse(file, hugeFile)
	if err != nil {
		return nil, err
	}
	err = inFixture(func(t testing.TB) {
		if _, err := format.Attach(file, p.Sign(t, digest), format.Options{}); err != nil {
			t.Fatal(err)
		}
	})
	if err != nil {
		return nil, err
	}
	memory, err := l.peakMemory(ctx, "4 GB", slices.Concat(arguments, []string{file}))
	return []measurement{memory}, err
}

// sparse makes a file of zeros and returns its digest.
func sparse(path string, size int64) (digest [32]byte, err error) {
	f, err := os.Create(path)
	if err != nil {
		return digest, err
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		return digest, err
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return digest, err
	}
	h.Sum(digest[:0])
	return digest, f.Close()
}
