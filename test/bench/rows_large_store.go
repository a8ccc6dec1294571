package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
)

const (
	// fillPortion is how many records one transaction of the filling writes.
	fillPortion = 20_000
	// largeRevokedOf of so many certificates one is revoked; a guess at a bad year.
	largeRevokedOf = 50
	// largeVendors share the certificates.
	largeVendors  = 1000
	maxCRLAnswer  = 64 << 20
	largeCRLBytes = 64 << 10
)

// largeStore measures a CA with --certificates certificates on record beside a new one.
// It takes a row only where it is asked for.
func largeStore(ctx context.Context, l *lab) ([]measurement, error) {
	if l.certificates == 0 {
		return nil, nil
	}
	small, err := l.authority(ctx)
	if err != nil {
		return nil, err
	}
	large, err := l.newAuthority(ctx, "large-authority")
	if err != nil {
		return nil, err
	}
	if err := large.stop(); err != nil {
		return nil, err
	}
	filled, err := large.fill(ctx, l.certificates)
	if err != nil {
		return nil, fmt.Errorf("fill a store: %w", err)
	}
	// The first start lists what the filling revoked; what counts is every later one.
	first, err := large.start(ctx)
	if err != nil {
		return nil, err
	}
	if err := large.stop(); err != nil {
		return nil, err
	}
	started, err := large.start(ctx)
	if err != nil {
		return nil, err
	}
	all := []measurement{
		filled,
		{Ours: "hallmark serve, until /healthz answers", Value: started.Seconds(), Unit: "s", Goal: atMost(2),
			Note: "the first start, which makes the lists, took " + show(first)},
	}
	issue, err := issueTurns(ctx, l, large, small)
	if err != nil {
		return nil, err
	}
	list, err := large.largestCRL(ctx)
	return append(all, issue, list), err
}

// issueTurns compares the median time of one certificate, one client at a time.
func issueTurns(ctx context.Context, l *lab, large, small *authority) (measurement, error) {
	requests, err := newRequests()
	if err != nil {
		return measurement{}, err
	}
	of := func(name string, a *authority) (side, error) {
		clients, err := a.clients()
		return side{name, func(ctx context.Context) (time.Duration, error) {
			var out api.Certificate
			start := time.Now()
			err := clients[0].Post(ctx, "/v1/certificates", api.NewCertificate{CSR: requests[0]}, &out)
			return time.Since(start), err
		}}, err
	}
	ours, err := of("issue, large", large)
	if err != nil {
		return measurement{}, err
	}
	peer, err := of("issue, new CA", small)
	if err != nil {
		return measurement{}, err
	}
	took, err := takeTurns(ctx, 10*l.rounds, ours, peer)
	if err != nil {
		return measurement{}, err
	}
	return slower(ours, took[0], peer, took[1], atMost(1.1)), nil
}

// fill copies the one certificate on record, under other serial numbers and vendors.
func (a *authority) fill(ctx context.Context, n int) (m measurement, err error) {
	file := a.path("ca", "hallmark.db")
	db, err := bolt.Open(file, bolt.Options{})
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var sample store.Certificate
	if err := db.View(ctx, func(r store.Reader) error {
		for rec, err := range store.Certificates.All(r, "") {
			sample = rec
			return err
		}
		return errors.New("no certificate on record")
	}); err != nil {
		return m, err
	}
	start := time.Now()
	for done := 0; done < n; done += fillPortion {
		if err := db.Update(ctx, func(tx store.Tx) error { return insertCopies(tx, sample, done, min(fillPortion, n-done)) }); err != nil {
			return m, err
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		return m, err
	}
	return measurement{
		Ours: fmt.Sprintf("fill with %d certificates in %s", n, show(time.Since(start))), Value: float64(info.Size() >> 20), Unit: "MB",
		Note: fmt.Sprintf("on disk; one of %d is revoked", largeRevokedOf),
	}, nil
}

func insertCopies(tx store.Tx, sample store.Certificate, from, n int) error {
	for i := from; i < from+n; i++ {
		var serial [16]byte
		rand.Read(serial[:])
		serial[0] = serial[0]&0x7f | 0x10
		rec := sample
		rec.Serial = hex.EncodeToString(serial[:])
		rec.SPKISHA256 = fmt.Sprintf("%064x", i)
		if v := i % largeVendors; v != 0 {
			rec.Vendor = fmt.Sprintf("vendor-%d", v)
		}
		if i%largeRevokedOf == 0 {
			rec.Revocation = &store.Revocation{At: rec.IssuedAt, RevocationDate: rec.IssuedAt, By: "bench"}
		}
		if err := store.Certificates.Insert(tx, rec); err != nil {
			return err
		}
	}
	return nil
}

// largestCRL fetches the list that a certificate of the CA names, as a verifier would.
func (a *authority) largestCRL(ctx context.Context) (measurement, error) {
	clients, err := a.clients()
	if err != nil {
		return measurement{}, err
	}
	var issued api.Certificate
	if err := clients[0].Post(ctx, "/v1/certificates", api.NewCertificate{}, &issued); err != nil {
		return measurement{}, err
	}
	cert, err := x509.ParseCertificate(issued.DER)
	if err != nil {
		return measurement{}, err
	}
	if len(cert.CRLDistributionPoints) != 1 {
		return measurement{}, fmt.Errorf("%d CRL distribution points", len(cert.CRLDistributionPoints))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, cert.CRLDistributionPoints[0], nil)
	if err != nil {
		return measurement{}, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return measurement{}, err
	}
	defer resp.Body.Close()
	list, err := io.ReadAll(io.LimitReader(resp.Body, maxCRLAnswer))
	if err != nil {
		return measurement{}, err
	}
	return measurement{
		Ours: "one revocation list", Value: float64(len(list)) / 1024, Unit: "KB", Goal: atMost(largeCRLBytes / 1024),
		Note: "the one that a certificate names; the others differ by chance",
	}, nil
}
