package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// batch is how many verifications are timed together, so that reading the clock is nothing.
const batch = 50

// strangers is how many signers there are in turn: more than a verifier remembers, so that
// each is new to it.
const strangers = 600

// libraryVerify compares a warm verifier with the bare ECDSA verifications it has to do.
// What can be remembered from one file to the next depends on the file: issuing CA and
// timestamping authority stay the same, the signer's certificate does where a vendor signs
// many packages with it, and does not where each build has one of its own.
func libraryVerify(ctx context.Context, l *lab) ([]measurement, error) {
	p, err := newPKI()
	if err != nil {
		return nil, err
	}
	var out []measurement
	for _, c := range []struct {
		name        string
		signers     int
		stapled     bool
		unavoidable int // signatures
	}{
		{"a certificate per build", strangers, false, 3}, // the file's, its timestamp's, the certificate's
		{"one certificate for all", 1, false, 2},
		{"one certificate, with a stapled summary", 1, true, 3}, // the file's, its timestamp's, the summary's
	} {
		v, err := libraryVerifier(p, c.stapled)
		if err != nil {
			return nil, err
		}
		ours := side{"verify, " + c.name, timed(alternating(ctx, v, p, c.signers))}
		raw, err := rawECDSA(c.unavoidable)
		if err != nil {
			return nil, err
		}
		took, err := takeTurns(ctx, l.rounds, ours, raw)
		if err != nil {
			return nil, err
		}
		out = append(out, measurement{
			Ours: ours.name + " " + show(took[0]/batch), Peer: raw.name + " " + show(took[1]/batch),
			Value: float64(took[1]) / float64(took[0]), Unit: "of limit", Goal: atLeast(0.7),
		})
	}
	return out, nil
}

func libraryVerifier(p *pki.PKI, stapled bool) (*verify.Verifier, error) {
	policy := verify.DefaultPolicy()
	policy.Revocation = verify.Required
	if stapled {
		policy.Attestations = verify.Stapled
	}
	c := verify.Config{Trust: p.Trust(), Policy: policy, Now: func() time.Time { return p.Now }}
	if err := inFixture(func(t testing.TB) { c.Status = p.Status(t) }); err != nil {
		return nil, err
	}
	return verify.New(c)
}

// alternating verifies signatures by so many signers in turn; with one of them, each file
// is another one still.
func alternating(ctx context.Context, v *verify.Verifier, p *pki.PKI, signers int) func() error {
	type file struct {
		digest    [32]byte
		signature []byte
	}
	var files []file
	next := 0
	return func() error {
		if files == nil {
			err := inFixture(func(t testing.TB) {
				leaf := p.Leaf
				for i := range max(signers, batch) {
					if i < signers && signers > 1 {
						leaf = p.NewLeaf(t, p.High, p.Claims(3))
					}
					digest := sha256.Sum256(fmt.Append(nil, i))
					files = append(files, file{digest, p.SignAs(t, leaf, digest)})
				}
			})
			if err != nil {
				return err
			}
		}
		f := files[next%len(files)]
		next++
		if verdict := v.Signature(ctx, "bench", f.digest, f.signature); verdict.Outcome != verify.Valid {
			return fmt.Errorf("%s: %v", verdict.Outcome, verdict.Reasons)
		}
		return nil
	}
}

// timed is how long a batch of calls takes.
func timed(op func() error) func(context.Context) (time.Duration, error) {
	return func(context.Context) (time.Duration, error) {
		start := time.Now()
		for range batch {
			if err := op(); err != nil {
				return 0, err
			}
		}
		return time.Since(start), nil
	}
}

// rawECDSA verifies n P-256 signatures.
func rawECDSA(n int) (side, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return side{}, err
	}
	digest := sha256.Sum256([]byte("what is verified"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		return side{}, err
	}
	return side{fmt.Sprintf("%d P-256 verifications", n), timed(func() error {
		for range n {
			if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) {
				return errors.New("a good signature was refused")
			}
		}
		return nil
	})}, nil
}
