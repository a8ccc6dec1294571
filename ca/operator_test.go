package ca

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/store"
)

func TestIssueClient(t *testing.T) {
	f := newFixture(t)
	ctx := context.Background()
	cert, err := f.ca.IssueClient(ctx, newKey(t).Public(), store.Person{ID: "alice", Role: "vendor", Vendor: "acme", Organization: "Acme Ltd"}, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if cert.Subject.CommonName != "alice" || len(cert.URIs) != 1 || cert.URIs[0].String() != "https://acme.example" || !cert.NotAfter.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("%s %v until %s", cert.Subject, cert.URIs, cert.NotAfter)
	}
	_, err = cert.Verify(x509.VerifyOptions{Roots: f.ca.ClientRoots(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, CurrentTime: noon})
	if err != nil {
		t.Error(err)
	}
	trust, err := f.ca.Trust(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range append(trust.Roots, trust.TimestampRoots...) {
		if root.Equal(f.ca.OperatorRoot()) {
			t.Error("the operator CA is in the trust bundle")
		}
	}
	officer, err := f.ca.IssueClient(ctx, newKey(t).Public(), store.Person{ID: "olga", Role: "officer", Organization: "Example"}, 0)
	if err != nil || len(officer.URIs) != 0 {
		t.Errorf("officer: %v, %v", officer, err)
	}
	for name, c := range map[string]struct {
		person   store.Person
		validity time.Duration
		want     Code
	}{
		"no id":          {store.Person{}, 0, CodeBadRequest},
		"disabled":       {store.Person{ID: "x", DisabledAt: noon}, 0, CodeBadRequest},
		"unknown vendor": {store.Person{ID: "x", Vendor: "nobody"}, 0, CodeUnknownVendor},
		"too long":       {store.Person{ID: "x"}, 2 * year, CodeValidity},
		"already over":   {store.Person{ID: "x"}, -time.Hour, CodeValidity},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := f.ca.IssueClient(ctx, newKey(t).Public(), c.person, c.validity)
			wantRefusal(t, err, c.want)
		})
	}
	_, err = f.ca.IssueClient(ctx, hierarchy(t).keys[nameLedger].Public(), store.Person{ID: "x"}, 0)
	wantRefusal(t, err, CodeKeyAlgorithm)
}

// Server and client certificates work together in a TLS handshake.
func TestMutualTLS(t *testing.T) {
	f := newFixtureAt(t, time.Now(), newMemory())
	key := newKey(t)
	client, err := f.ca.IssueClient(t.Context(), key.Public(), store.Person{ID: "alice", Vendor: "acme"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	a, b := net.Pipe()
	server := tls.Server(a, &tls.Config{GetCertificate: f.ca.GetServerCertificate, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: f.ca.ClientRoots()})
	done := make(chan error, 1)
	go func() { done <- server.Handshake() }()
	conn := tls.Client(b, &tls.Config{
		RootCAs: f.ca.ClientRoots(), ServerName: "localhost",
		Certificates: []tls.Certificate{{Certificate: [][]byte{client.Raw}, PrivateKey: key}},
	})
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := server.ConnectionState().PeerCertificates[0].Subject.CommonName; got != "alice" {
		t.Errorf("peer %q", got)
	}
}

func TestServerCertificateIsRenewed(t *testing.T) {
	f := newFixture(t)
	first, err := f.ca.GetServerCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	f.clock.Add(serverValidity - time.Hour)
	second, err := f.ca.GetServerCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	if second.Leaf.Equal(first.Leaf) || !second.Leaf.NotAfter.After(f.clock.Now()) {
		t.Error("not renewed")
	}
	if err := second.Leaf.VerifyHostname("ca.example.com"); err != nil {
		t.Error(err)
	}
	if err := second.Leaf.VerifyHostname("127.0.0.1"); err != nil {
		t.Error(err)
	}
}

func TestCertificateByName(t *testing.T) {
	f := newFixture(t)
	for _, name := range append(f.ca.Tiers(), "root", "timestamping") {
		if c, err := f.ca.Certificate(name); err != nil || !c.IsCA {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "operator", "tsa", "../root"} {
		if _, err := f.ca.Certificate(name); err == nil {
			t.Errorf("%q: found", name)
		}
	}
}
