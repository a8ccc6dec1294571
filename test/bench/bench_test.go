package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
)

func TestGoal(t *testing.T) {
	cases := []struct {
		name  string
		goal  goal
		value float64
		met   bool
	}{
		{"none", goal{}, 99, true},
		{"below a ceiling", atMost(1.3), 1.2, true},
		{"on a ceiling", atMost(1.3), 1.3, true},
		{"above a ceiling", atMost(1.3), 1.31, false},
		{"above a floor", atLeast(0.7), 0.8, true},
		{"below a floor", atLeast(0.7), 0.69, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.goal.met(c.value); got != c.met {
				t.Errorf("%s met by %g: %v, want %v", c.goal, c.value, got, c.met)
			}
		})
	}
}

func TestTakeTurns(t *testing.T) {
	var order strings.Builder
	fake := func(name string, took ...time.Duration) side {
		n := 0
		return side{name, func(context.Context) (time.Duration, error) {
			order.WriteString(name)
			n++
			return took[(n-1)%len(took)], nil
		}}
	}
	// Three warm-ups, which the long times fall into, then three rounds.
	const long = time.Hour
	got, err := takeTurns(t.Context(), 3, fake("a", long, long, long, 3, 1, 2), fake("b", long, long, long, 30, 10, 20))
	if err != nil {
		t.Fatal(err)
	}
	if got[0] != 2 || got[1] != 20 {
		t.Errorf("medians %v, want 2 and 20", got)
	}
	if order.String() != "abbaabbaabba" {
		t.Errorf("order %s: the first must not always be the same", order.String())
	}
}

func TestTakeTurnsStops(t *testing.T) {
	broken := errors.New("broken")
	fails := side{"fails", func(context.Context) (time.Duration, error) { return 0, broken }}
	if _, err := takeTurns(t.Context(), 1, fails); !errors.Is(err, broken) || !strings.Contains(err.Error(), "fails") {
		t.Errorf("a side that fails gave %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := takeTurns(ctx, 1, fails); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run gave %v", err)
	}
}

func TestRate(t *testing.T) {
	got, err := rate(t.Context(), 4, 20*time.Millisecond, func(context.Context, int, int) error {
		time.Sleep(time.Millisecond)
		return nil
	})
	if err != nil || got <= 0 || got > 4000 {
		t.Errorf("rate %g, %v; four workers at a millisecond each manage at most 4000", got, err)
	}
	broken := errors.New("broken")
	_, err = rate(t.Context(), 4, time.Hour, func(_ context.Context, worker, _ int) error {
		if worker == 2 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) {
		t.Errorf("a worker that fails gave %v", err)
	}
}

func TestRatesWarmsUp(t *testing.T) {
	n := 0.0
	got, err := rates(3, func() (float64, error) { n++; return n, nil })
	if err != nil || got[0] != 3 { // of 1 (warm-up), 2, 3, 4
		t.Errorf("median %v, %v; want 3, of the rounds after the first", got, err)
	}
}

// The reference must do what rows say it does, or the limit is not one.
func TestReferenceSigns(t *testing.T) {
	db, err := bolt.Open(filepath.Join(t.TempDir(), "x.db"), bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	server := startReference(&reference{key: key, db: db, record: []byte("{}")})
	defer server.Close()
	clients, err := clientsOf(server.URL, server.Certificate())
	if err != nil {
		t.Fatal(err)
	}
	request := api.NewSignature{SHA256: strings.Repeat("ab", 32), Format: "detached", Product: "p"}
	var answer api.Signature
	if err := clients[0].Post(t.Context(), "/", request, &answer); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	if digest := sha256.Sum256(body); !ecdsa.VerifyASN1(&key.PublicKey, digest[:], answer.CMS) {
		t.Error("the reference did not sign the body")
	}
	err = db.View(t.Context(), func(r store.Reader) error {
		_, err := r.GetRaw("bench", "1")
		return err
	})
	if err != nil {
		t.Errorf("the reference kept no record: %v", err)
	}
}

// It serves until its stdin ends, and its store is whole then.
func TestReferenceServes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	stdin, end := io.Pipe()
	said, stdout := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serveReference([]string{path}, stdin, stdout) }()
	clients, err := awaitReference(said)
	if err != nil {
		t.Fatal(err)
	}
	var answer api.Signature
	if err := clients[0].Post(t.Context(), "/", api.NewSignature{Product: "p"}, &answer); err != nil || len(answer.CMS) == 0 {
		t.Errorf("%d bytes, %v", len(answer.CMS), err)
	}
	end.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	db, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if _, err := awaitReference(strings.NewReader("")); err == nil {
		t.Error("one that says nothing is taken for one that serves")
	}
}

func TestStartFails(t *testing.T) {
	a := &authority{program: "false", dir: t.TempDir(), public: "http://127.0.0.1:1"}
	if _, err := a.start(t.Context()); err == nil || !strings.Contains(err.Error(), "ended") {
		t.Errorf("a server that ends at once gave %v", err)
	}
	if err := a.stop(); err == nil {
		t.Error("stop does not say that the server failed")
	}
	if err := a.stop(); err != nil {
		t.Errorf("stop without a server gave %v", err)
	}
}

func TestOutput(t *testing.T) {
	results := []result{
		{"one", measurement{"ours 2ms", "peer 1ms", 2, "x", atMost(1), ""}},
		{"two", measurement{"ours 1ms", "peer 2ms", 0.5, "x", atMost(1), "as it is"}},
		{"three", measurement{Ours: "size", Value: 3, Unit: "MB"}},
	}
	var table, lines strings.Builder
	if err := printTable(&table, results); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2.00 x <= 1 MISSED", "0.50 x <= 1 met", "3.00 MB", "<= 1 met as it is"} {
		if !strings.Contains(strings.Join(strings.Fields(table.String()), " "), want) {
			t.Errorf("table lacks %q:\n%s", want, table.String())
		}
	}
	if err := printJSON(&lines, results[:1]); err != nil {
		t.Fatal(err)
	}
	const want = `{"name":"one","ours":"ours 2ms","peer":"peer 1ms","value":2,"unit":"x","goal":{"at_most":1},"met":false}` + "\n"
	if lines.String() != want {
		t.Errorf("JSON %s, want %s", lines.String(), want)
	}
	if !missed(results) || missed(results[1:]) {
		t.Error("missed does not tell a met goal from a missed one")
	}
}

func TestRunRefuses(t *testing.T) {
	for _, args := range [][]string{{"--rows", "no such row"}, {"--rounds", "0"}, {"--entries", "-1"}, {"--unknown"}} {
		if err := run(t.Context(), args, io.Discard, io.Discard); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}
