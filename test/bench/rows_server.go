package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
)

const (
	httpClients = 64
	httpSpan    = time.Second
	httpRounds  = 5
	startRounds = 5
)

// call is one request of a client; worker is its number.
type call func(ctx context.Context, c *api.Client, worker int) error

// signHTTP compares signing a digest, with evidence judged and the record durable,
// with a handler that makes one signature and keeps one record. Ours makes three (the file's, the timestamp's,
// the verification summary's) and verifies what it judges.
func signHTTP(ctx context.Context, l *lab) ([]measurement, error) {
	a, err := l.authority(ctx)
	if err != nil {
		return nil, err
	}
	return l.besideReferences(ctx, a, "signatures", atLeast(0.5), "", func(ctx context.Context, c *api.Client, worker int) error {
		out, err := c.Sign(ctx, api.NewSignature{SHA256: a.artifacts[worker], Format: "detached", Product: exampleProduct})
		if err == nil && len(out.CMS) == 0 {
			err = errors.New("the answer holds no signature")
		}
		return err
	})
}

// issueHTTP issues certificates for keys of the vendor's own: for others most of the
// time would go into encrypting them under a passphrase, which is slow on purpose.
func issueHTTP(ctx context.Context, l *lab) (_ []measurement, err error) {
	a, err := l.authority(ctx)
	if err != nil {
		return nil, err
	}
	requests, err := newRequests()
	if err != nil {
		return nil, err
	}
	peer, err := l.startStepCA(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, peer.stop()) }()
	clients, err := a.clients()
	if err != nil {
		return nil, err
	}
	medians, err := rates(httpRounds, callRate(ctx, clients, func(ctx context.Context, c *api.Client, worker int) error {
		der, _, err := c.Certify(ctx, api.NewCertificate{CSR: requests[worker]})
		if err == nil && len(der) == 0 {
			err = errors.New("the answer holds no certificate")
		}
		return err
	}), callRate(ctx, clients, func(ctx context.Context, _ *api.Client, worker int) error { return peer.issue(ctx, worker) }))
	if err != nil {
		return nil, err
	}
	return []measurement{{
		Ours: fmt.Sprintf("%d clients %.0f certificates/s", httpClients, medians[0]), Peer: fmt.Sprintf("step-ca %s, bbolt %.0f/s", stepVersion, medians[1]),
		Value: medians[0] / medians[1], Unit: "x", Goal: atLeast(3),
		Note: "step-ca asks no gate, lints nothing, logs nowhere",
	}}, nil
}

// newRequests returns a certificate request for each client.
func newRequests() ([][]byte, error) { return newRequestsFor("bench.example.com") }

func newRequestsFor(name string) ([][]byte, error) {
	requests := make([][]byte, httpClients)
	for i := range requests {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}}
		if requests[i], err = x509.CreateCertificateRequest(rand.Reader, template, key); err != nil {
			return nil, err
		}
	}
	return requests, nil
}

// besideReferences lets ours and both references take turns. The goal is on the second
// reference, which makes one signature and one group-committed write; the first, which
// writes nothing, says what the write costs.
func (l *lab) besideReferences(ctx context.Context, a *authority, what string, g goal, note string, ours call) (_ []measurement, err error) {
	clients, err := a.clients()
	if err != nil {
		return nil, err
	}
	plain, err := l.runReference(ctx)
	if err != nil {
		return nil, err
	}
	l.stores++
	durable, err := l.runReference(ctx, l.path(fmt.Sprintf("reference-%d.db", l.stores)))
	if err != nil {
		return nil, err
	}
	bare := func(ctx context.Context, c *api.Client, worker int) error {
		return c.Post(ctx, "/", api.NewSignature{SHA256: a.artifacts[worker], Format: "detached", Product: exampleProduct}, &api.Signature{})
	}
	medians, err := rates(httpRounds, callRate(ctx, clients, ours), callRate(ctx, plain, bare), callRate(ctx, durable, bare))
	if err != nil {
		return nil, err
	}
	var all []measurement
	for i, peer := range []string{"HTTPS + one P-256 signature", "HTTPS + signature + durable record"} {
		m := measurement{
			Ours: fmt.Sprintf("%d clients %.0f %s/s", httpClients, medians[0], what), Peer: fmt.Sprintf("%s %.0f/s", peer, medians[i+1]),
			Value: medians[0] / medians[i+1], Unit: "of limit", Note: note,
		}
		if i == 1 {
			m.Goal = g
		}
		all = append(all, m)
	}
	return all, nil
}

// callRate is how many calls in a second all clients get done together. The first round,
// which is not counted, also opens their connections.
func callRate(ctx context.Context, clients []*api.Client, c call) func() (float64, error) {
	return func() (float64, error) {
		return rate(ctx, len(clients), httpSpan, func(ctx context.Context, worker, _ int) error {
			return c(ctx, clients[worker], worker)
		})
	}
}

// startUp is how long an administrator waits for a CA with few records. Most of it is
// opening the keys under their passphrase, which is slow on purpose.
func startUp(ctx context.Context, l *lab) ([]measurement, error) {
	a, err := l.authority(ctx)
	if err != nil {
		return nil, err
	}
	restart := side{"hallmark serve, until /healthz answers", func(ctx context.Context) (time.Duration, error) {
		if err := a.stop(); err != nil {
			return 0, err
		}
		return a.start(ctx)
	}}
	took, err := takeTurns(ctx, startRounds, restart)
	if err != nil {
		return nil, err
	}
	return []measurement{{Ours: restart.name, Value: float64(took[0]) / float64(time.Millisecond), Unit: "ms", Note: "few records"}}, nil
}
