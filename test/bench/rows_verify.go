package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
)

// processVerify compares the installed verifier, from fork to exit, with gpgv on the
// same file, and on a large package with a program that only hashes it.
func processVerify(ctx context.Context, l *lab) ([]measurement, error) {
	p, err := newPKI()
	if err != nil {
		return nil, err
	}
	arguments, err := l.installerFiles(p)
	if err != nil {
		return nil, err
	}
	small, err := l.signed(p, "small.bin", make([]byte, smallFile))
	if err != nil {
		return nil, err
	}
	payload := make([]byte, largeFile)
	rand.Read(payload)
	large, err := l.signed(p, "large.deb", pki.Deb(payload))
	if err != nil {
		return nil, err
	}
	onSmall, err := l.beside(ctx, "4 KB file", small, arguments, atMost(1), goal{})
	if err != nil {
		return nil, err
	}
	everything, err := l.withStatus(p, arguments)
	if err != nil {
		return nil, err
	}
	strict, err := l.beside(ctx, "4 KB file, with status and stapled summary", small, everything, goal{}, goal{})
	if err != nil {
		return nil, err
	}
	onLarge, err := l.beside(ctx, "10 MB .deb", large, arguments, atMost(0.4), atMost(1.3))
	if err != nil {
		return nil, err
	}
	memory, err := l.peakMemory(ctx, "10 MB", slices.Concat(arguments, []string{large}))
	return slices.Concat(onSmall, strict, onLarge, []measurement{memory}), err
}

// withStatus is a machine that demands everything: a signed status bundle, and stapled
// evidence. It checks five signatures more (status, CRL, summary, and two of the log); gpgv has nothing that corresponds.
func (l *lab) withStatus(p *pki.PKI, arguments []string) ([]string, error) {
	err := inFixture(func(t testing.TB) {
		if err := os.WriteFile(l.path("status.json"), p.SignStatus(t, p.Status(t)), 0o644); err != nil {
			t.Fatal(err)
		}
	})
	if err != nil {
		return nil, err
	}
	policy := fmt.Sprintf("version: 1\nrequire:\n  - {framework: %s, track: %s, level: 3}\nrevocation: required\nattestations: stapled\n", pki.SLSA, pki.Track)
	out := slices.Clone(arguments)
	out[slices.Index(out, l.path("policy.yaml"))] = l.path("strict.yaml")
	return append(out, "--status", l.path("status.json")), os.WriteFile(l.path("strict.yaml"), []byte(policy), 0o644)
}

// installerFiles writes what an installer has, and returns the arguments that name it.
func (l *lab) installerFiles(p *pki.PKI) ([]string, error) {
	trust, err := p.Trust().Marshal()
	if err != nil {
		return nil, err
	}
	policy := fmt.Sprintf("version: 1\nrequire:\n  - {framework: %s, track: %s, level: 3}\nrevocation: if-available\n", pki.SLSA, pki.Track)
	for name, content := range map[string][]byte{"trust.json": trust, "policy.yaml": []byte(policy)} {
		if err := os.WriteFile(l.path(name), content, 0o644); err != nil {
			return nil, err
		}
	}
	return []string{"--trust", l.path("trust.json"), "--policy", l.path("policy.yaml"), "--at", p.Now.Format(time.RFC3339)}, nil
}

// signed writes a file with our signature.
func (l *lab) signed(p *pki.PKI, name string, content []byte) (path string, err error) {
	err = inFixture(func(t testing.TB) {
		path = pki.Write(t, l.dir, name, content, func(digest [32]byte) []byte { return p.Sign(t, digest) })
	})
	return path, err
}

// verifierOf is our verifier, from fork to exit.
func (l *lab) verifierOf(what, file string, arguments []string) side {
	return process("hallmark-verify, "+what, filepath.Join(l.bin, "hallmark-verify"), slices.Concat(arguments, []string{file})...)
}

// beside measures one file: our verifier against gpgv, and against hashing alone.
func (l *lab) beside(ctx context.Context, what, file string, arguments []string, toGPGV, toHash goal) ([]measurement, error) {
	ours := l.verifierOf(what, file, arguments)
	gpgv, err := l.gpgvOf(file)
	if err != nil {
		return nil, err
	}
	hasher, err := l.hasher()
	if err != nil {
		return nil, err
	}
	hash := process("hash only, Go", hasher, file)
	took, err := takeTurns(ctx, l.rounds, ours, gpgv, hash)
	if err != nil {
		return nil, err
	}
	return []measurement{slower(ours, took[0], gpgv, took[1], toGPGV), slower(ours, took[0], hash, took[2], toHash)}, nil
}

func (l *lab) peakMemory(ctx context.Context, what string, arguments []string) (measurement, error) {
	program, err := l.build("peak", peak)
	if err != nil {
		return measurement{}, err
	}
	out, err := runProgram(ctx, program, append([]string{filepath.Join(l.bin, "hallmark-verify")}, arguments...)...)
	if err != nil {
		return measurement{}, err
	}
	var kib int64
	if _, err := fmt.Sscan(string(out), &kib); err != nil {
		return measurement{}, fmt.Errorf("read peak memory %q: %w", out, err)
	}
	return measurement{Ours: "hallmark-verify, peak memory on " + what, Value: megabytes(kib << 10), Unit: "MB", Goal: atMost(32)}, nil
}

// binarySize is what an installer downloads.
func binarySize(_ context.Context, l *lab) ([]measurement, error) {
	info, err := os.Stat(filepath.Join(l.bin, "hallmark-verify"))
	if err != nil {
		return nil, err
	}
	return []measurement{{Ours: "hallmark-verify, static", Value: megabytes(info.Size()), Unit: "MB", Goal: atMost(12)}}, nil
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }
