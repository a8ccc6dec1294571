package ca

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	hocsp "github.com/hallmark-pki/hallmark/ca/ocsp"
	"github.com/hallmark-pki/hallmark/store"
	"golang.org/x/crypto/ocsp"
)

// askFor makes an RFC 5019 request about an issued certificate.
func askFor(t testing.TB, issued Issued, hash crypto.Hash) []byte {
	t.Helper()
	der, err := ocsp.CreateRequest(issued.Certificate, issued.Chain[0], &ocsp.RequestOptions{Hash: hash})
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func statusOf(t testing.TB, der []byte, issued Issued) int {
	t.Helper()
	resp, err := ocsp.ParseResponseForCert(der, issued.Certificate, issued.Chain[0])
	if err != nil {
		t.Error(err)
		return -1
	}
	return resp.Status
}

func getPath(request []byte) string {
	return "/ocsp/" + url.PathEscape(base64.StdEncoding.EncodeToString(request))
}

// TestOCSPIsKept: the same bytes until half of their time is over, whichever way a
// request comes, and without a look at the store.
func TestOCSPIsKept(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	issued := f.issue("acme")
	request := askFor(t, issued, crypto.SHA1)
	handler := f.ca.OCSPHandler()
	ask := func(method string, header ...string) *httptest.ResponseRecorder {
		path, body := "/ocsp", request
		if method == http.MethodGet {
			path, body = getPath(request), nil
		}
		r := httptest.NewRequest(method, path, bytes.NewReader(body))
		if len(header) == 1 {
			r.Header.Set("If-None-Match", header[0])
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		return w
	}
	first := ask("POST")
	get := ask("GET")
	counted := &viewCounter{Store: f.ca.store}
	f.ca.store = counted
	for _, w := range []*httptest.ResponseRecorder{get, ask("GET"), ask("POST")} {
		if !bytes.Equal(w.Body.Bytes(), first.Body.Bytes()) {
			t.Error("another answer")
		}
		h := w.Header()
		if h.Get("ETag") == "" || h.Get("Last-Modified") != noon.Format(http.TimeFormat) || h.Get("Expires") != noon.Add(ocspValidity).Format(http.TimeFormat) ||
			!strings.Contains(h.Get("Cache-Control"), "max-age=3600") || h.Get("Content-Length") != fmt.Sprint(first.Body.Len()) {
			t.Errorf("headers %v", h)
		}
	}
	if w := ask("GET", first.Header().Get("ETag")); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("If-None-Match: %d, %d bytes", w.Code, w.Body.Len())
	}
	if w := ask("GET", `"other"`); w.Code != http.StatusOK || w.Body.Len() == 0 {
		t.Errorf("If-None-Match of another: %d", w.Code)
	}
	if n := counted.views.Load(); n != 0 {
		t.Errorf("the store was read %d times", n)
	}
	for _, step := range []time.Duration{ocspValidity / 2, -2 * time.Hour} { // grown old; made when the clock stood wrong
		f.clock.Add(step)
		next := ask("POST")
		resp, err := ocsp.ParseResponseForCert(next.Body.Bytes(), issued.Certificate, issued.Chain[0])
		if err != nil || !resp.ThisUpdate.Equal(f.clock.Now()) {
			t.Errorf("after %s: %v, %+v", step, err, resp)
		}
	}
}

type viewCounter struct {
	Store
	views atomic.Int64
}

func (s *viewCounter) View(ctx context.Context, fn func(store.Reader) error) error {
	s.views.Add(1)
	return s.Store.View(ctx, fn)
}

// TestOCSPUnknownIsNotKept: numbers can be made up, and would push the others out.
func TestOCSPUnknownIsNotKept(t *testing.T) {
	f := newFixture(t)
	w := httptest.NewRecorder()
	f.ca.OCSPHandler().ServeHTTP(w, httptest.NewRequest("POST", "/ocsp", bytes.NewReader(askOCSP(t, f, big.NewInt(99)))))
	if resp, err := ocsp.ParseResponse(w.Body.Bytes(), nil); err != nil || resp.Status != ocsp.Unknown {
		t.Fatalf("%+v, %v", resp, err)
	}
	if w.Header().Get("Cache-Control") != "no-store" || f.ca.answers.Len() != 0 {
		t.Errorf("kept: %v", w.Header())
	}
}

// TestOCSPSignedAhead: live certificates have an answer before anybody asks, which is
// replaced before it grows old; those that have ended do not.
func TestOCSPSignedAhead(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	long := f.issue("acme")
	short, err := f.ca.Issue(t.Context(), Request{Vendor: "acme", PublicKey: newKey(t).Public(), Validity: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.ca.PresignOCSP(t.Context()); err != nil {
		t.Fatal(err)
	}
	answers := func() (n int) {
		for _, issued := range []Issued{long, short} {
			if f.ca.answers.ByKey(hocsp.Key{Issuer: "standard", Serial: issued.Record.Serial, Form: hocsp.Form{Hash: crypto.SHA1, Null: true}}, f.clock.Now()) != nil {
				n++
			}
		}
		return n
	}
	if n := answers(); n != 2 {
		t.Errorf("%d signed ahead, want 2", n)
	}
	for range 12 {
		f.clock.Add(time.Hour)
		if err := f.ca.PresignOCSP(t.Context()); err != nil {
			t.Fatal(err)
		}
		counted := &viewCounter{Store: f.ca.store}
		f.ca.store = counted
		der, err := f.ca.OCSP(t.Context(), askFor(t, long, crypto.SHA1))
		if err != nil || statusOf(t, der, long) != ocsp.Good || counted.views.Load() != 0 {
			t.Fatalf("%v, the store was read %d times", err, counted.views.Load())
		}
		f.ca.store = counted.Store
	}
	if n := answers(); n != 1 {
		t.Errorf("%d answers, want that of the certificate that has not ended", n)
	}
}

// TestPresignGoesThroughPages, also of certificates that end in the same instant.
func TestPresignGoesThroughPages(t *testing.T) {
	f := newFixture(t)
	n := presignPage + 7
	f.update(func(tx store.Tx) error {
		for i := range n {
			if err := store.Certificates.Put(tx, store.Certificate{
				Serial: fmt.Sprintf("1%031x", i), Tier: "standard", Vendor: "acme", SPKISHA256: "k", NotAfter: noon.Add(year),
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := f.ca.PresignOCSP(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := f.ca.answers.Len(); got != n {
		t.Errorf("%d answers, want %d", got, n)
	}
}

// TestRevokedIsNeverGoodAgain: from the moment that Revoke has returned, whoever asks
// is told, whatever was being signed, signed ahead or kept meanwhile.
func TestRevokedIsNeverGoodAgain(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	handler := f.ca.OCSPHandler()
	var requests [][]byte
	var issued []Issued
	for range 12 {
		one := f.issue("acme")
		issued = append(issued, one)
		requests = append(requests, askFor(t, one, crypto.SHA1))
	}
	revoked := make([]atomic.Bool, len(issued))
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	var asked atomic.Int64
	for worker := range 4 {
		running.Go(func() {
			for i := worker; ctx.Err() == nil; i++ {
				n := i % len(issued)
				before := revoked[n].Load()
				r := httptest.NewRequest("POST", "/ocsp", bytes.NewReader(requests[n]))
				if i%2 == 0 {
					r = httptest.NewRequest("GET", getPath(requests[n]), nil)
				}
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if got := statusOf(t, w.Body.Bytes(), issued[n]); before && got != ocsp.Revoked {
					t.Errorf("status %d after the revocation was acknowledged", got)
				}
				asked.Add(1)
			}
		})
	}
	running.Go(func() {
		for ctx.Err() == nil {
			if err := f.ca.PresignOCSP(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	for n, one := range issued {
		for target := asked.Load() + 50; asked.Load() < target; {
			time.Sleep(time.Millisecond)
		}
		if err := f.ca.Revoke(context.Background(), one.Record.Serial, store.Revocation{Reason: ReasonKeyCompromise}); err != nil {
			t.Error(err)
		}
		revoked[n].Store(true)
	}
	for target := asked.Load() + 200; asked.Load() < target; {
		time.Sleep(time.Millisecond)
	}
	stop()
	running.Wait()
}

// TestWithdrawalReachesKeptAnswers: revocations that others' transactions make count
// from PublishCRLs on.
func TestWithdrawalReachesKeptAnswers(t *testing.T) {
	f := newFixture(t)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	issued := f.issue("acme")
	request := askFor(t, issued, crypto.SHA256)
	ask := func() int {
		der, err := f.ca.OCSP(context.Background(), request)
		if err != nil {
			t.Fatal(err)
		}
		return statusOf(t, der, issued)
	}
	if got := ask(); got != ocsp.Good {
		t.Fatalf("status %d", got)
	}
	f.withdrawAll("acme")
	if got := ask(); got != ocsp.Revoked {
		t.Errorf("status %d", got)
	}
}

// BenchmarkOCSP compares an answer from the cache with a handler that only writes.
func BenchmarkOCSP(b *testing.B) {
	f := newFixture(b)
	f.assess("acme", "slsa-v0.1", "slsa", 1, year)
	request := askFor(b, f.issue("acme"), crypto.SHA1)
	der, err := f.ca.OCSP(context.Background(), request)
	if err != nil {
		b.Fatal(err)
	}
	for name, handler := range map[string]http.Handler{
		"cache": f.ca.OCSPHandler(),
		"plain": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/ocsp-response")
			w.Write(der)
		}),
	} {
		b.Run(name, func(b *testing.B) {
			server := httptest.NewServer(handler)
			defer server.Close()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					resp, err := http.Post(server.URL+"/ocsp", "application/ocsp-request", bytes.NewReader(request))
					if err != nil {
						b.Error(err)
						return
					}
					var sink bytes.Buffer
					sink.ReadFrom(resp.Body)
					resp.Body.Close()
				}
			})
		})
	}
}
