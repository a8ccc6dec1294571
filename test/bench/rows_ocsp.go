package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"golang.org/x/crypto/ocsp"
)

const (
	ocspSpan   = time.Second
	ocspRounds = 5
	// maxOCSPAnswer bounds what is read of an answer, which has under 2 KB.
	maxOCSPAnswer = 64 << 10
)

// ocspCached compares answers about a live certificate with a handler that returns the
// same bytes whatever it is asked.
func ocspCached(ctx context.Context, l *lab) ([]measurement, error) {
	a, err := l.authority(ctx)
	if err != nil {
		return nil, err
	}
	url, request, err := a.ocspRequest(ctx)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: httpClients, DisableCompression: true}}
	defer client.CloseIdleConnections()
	answer, err := askOCSP(ctx, client, url, request)
	if err != nil {
		return nil, err
	}
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, io.LimitReader(r.Body, maxOCSPAnswer)) // what it is asked
		w.Header().Set("Content-Type", "application/ocsp-response")
		w.Write(answer)
	}))
	defer plain.Close()
	asks := func(url string) func() (float64, error) {
		return func() (float64, error) {
			return rate(ctx, httpClients, ocspSpan, func(ctx context.Context, _, _ int) error {
				_, err := askOCSP(ctx, client, url, request)
				return err
			})
		}
	}
	medians, err := rates(ocspRounds, asks(url), asks(plain.URL))
	if err != nil {
		return nil, err
	}
	return []measurement{{
		Ours: fmt.Sprintf("%d clients, POST %.0f/s", httpClients, medians[0]), Peer: fmt.Sprintf("net/http handler, same bytes %.0f/s", medians[1]),
		Value: medians[0] / medians[1], Unit: "x", Goal: atLeast(0.8),
	}}, nil
}

// ocspRequest asks for a certificate and returns where and how to ask about it.
func (a *authority) ocspRequest(ctx context.Context) (url string, request []byte, err error) {
	clients, err := a.clients()
	if err != nil {
		return "", nil, err
	}
	requests, err := newRequests()
	if err != nil {
		return "", nil, err
	}
	var issued api.Certificate
	if err := clients[0].Post(ctx, "/v1/certificates", api.NewCertificate{CSR: requests[0]}, &issued); err != nil {
		return "", nil, err
	}
	if len(issued.Chain) == 0 {
		return "", nil, errors.New("no chain with the certificate")
	}
	leaf, err := x509.ParseCertificate(issued.DER)
	if err != nil {
		return "", nil, err
	}
	issuer, err := x509.ParseCertificate(issued.Chain[0])
	if err != nil {
		return "", nil, err
	}
	if len(leaf.OCSPServer) != 1 {
		return "", nil, fmt.Errorf("%d OCSP servers in the certificate", len(leaf.OCSPServer))
	}
	request, err = ocsp.CreateRequest(leaf, issuer, nil)
	return leaf.OCSPServer[0], request, err
}

func askOCSP(ctx context.Context, client *http.Client, url string, request []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/ocsp-request")
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxOCSPAnswer))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return answer, err
}
