package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store/bolt"
)

// referenceCommand is the argument with which the bench runs itself as a reference.
// Beside the clients in one process, where one scheduler has all of both and no system call
// wakes anybody, a server does what none can do in service.
const referenceCommand = "reference"

// referenceServer is a reference that runs.
type referenceServer struct {
	URL         string `json:"url"`
	Certificate []byte `json:"certificate"` // DER, its own root
}

// serveReference is the reference's own process: it says where it is on stdout and serves until stdin
// ends, be it because the bench is gone. With the path of a store it keeps records.
func serveReference(args []string, stdin io.Reader, stdout io.Writer) (err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	handler := &reference{key: key}
	if len(args) > 0 {
		handler.record = make([]byte, recordBytes)
		if handler.db, err = bolt.Open(args[0], bolt.Options{}); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, handler.db.Close()) }()
	}
	server := startReference(handler)
	defer server.Close()
	if err := json.NewEncoder(stdout).Encode(referenceServer{URL: server.URL, Certificate: server.Certificate().Raw}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, stdin)
	return err
}

func startReference(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true // as our server and client do
	s.StartTLS()
	return s
}

// runReference starts a reference that runs until the lab closes.
func (l *lab) runReference(ctx context.Context, args ...string) ([]*api.Client, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, append([]string{referenceCommand}, args...)...)
	cmd.Stderr = l.log
	end, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	said, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	l.closers = append(l.closers, func() error { return errors.Join(end.Close(), cmd.Wait()) })
	return awaitReference(said)
}

// awaitReference reads where a reference is.
func awaitReference(said io.Reader) ([]*api.Client, error) {
	var where referenceServer
	if err := json.NewDecoder(said).Decode(&where); err != nil {
		return nil, fmt.Errorf("the reference did not start: %w", err)
	}
	root, err := x509.ParseCertificate(where.Certificate)
	if err != nil {
		return nil, err
	}
	return clientsOf(where.URL, root)
}

func clientsOf(url string, root *x509.Certificate) ([]*api.Client, error) {
	roots := x509.NewCertPool()
	roots.AddCert(root)
	return newClients(url, roots, nil)
}
