package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
)

// maxReferenceBody bounds what the reference reads of a request.
const maxReferenceBody = 64 << 10

// reference is the least that a server can do which signs on request: read the body,
// make one P-256 signature over its SHA-256 and, with a store, keep a record. Nobody is
// asked who they are and nothing is checked. It runs in the bench's own process, beside
// its clients.
type reference struct {
	key    *ecdsa.PrivateKey
	db     *bolt.DB // nil: no record
	record []byte
	n      atomic.Uint64
}

func (s *reference) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	signature, err := s.sign(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(api.Signature{CMS: signature}) // fails only when the client has gone
}

func (s *reference) sign(r *http.Request) ([]byte, error) {
	var in json.RawMessage
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxReferenceBody)).Decode(&in); err != nil {
		return nil, err
	}
	digest := sha256.Sum256(in)
	signature, err := ecdsa.SignASN1(rand.Reader, s.key, digest[:])
	if err != nil || s.db == nil {
		return signature, err
	}
	name := strconv.FormatUint(s.n.Add(1), 16)
	return signature, s.db.Update(r.Context(), func(tx store.Tx) error { return tx.PutRaw("bench", name, s.record) })
}

// references are the two limits that a row is held against, over the same client,
// protocol and machine.
type references struct {
	plain, durable []*api.Client
	close          func() error
}

func (l *lab) references() (*references, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	l.stores++
	db, err := bolt.Open(l.path(fmt.Sprintf("reference-%d.db", l.stores)), bolt.Options{})
	if err != nil {
		return nil, err
	}
	plain := startReference(&reference{key: key})
	durable := startReference(&reference{key: key, db: db, record: make([]byte, recordBytes)})
	r := &references{close: func() error {
		plain.Close()
		durable.Close()
		return db.Close()
	}}
	if r.plain, err = clientsOf(plain); err == nil {
		r.durable, err = clientsOf(durable)
	}
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func startReference(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true // as our server and client do
	s.StartTLS()
	return s
}

func clientsOf(s *httptest.Server) ([]*api.Client, error) {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return newClients(s.URL, roots, nil)
}
