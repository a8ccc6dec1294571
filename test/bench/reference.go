package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"net/http"
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
// asked who they are and nothing is checked. Like the servers it is compared with it is a process
// of its own (see serveReference).
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
