package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

func witnessed(t *testing.T, quorum int, witnesses ...*witness) Options {
	t.Helper()
	o := options(t, t.TempDir())
	o.WitnessQuorum = quorum
	for _, w := range witnesses {
		o.Witnesses = append(o.Witnesses, w.config())
	}
	return o
}

func policyOf(t *testing.T, quorum int, witnesses ...*witness) receipt.Policy {
	t.Helper()
	p := receipt.Policy{Logs: []note.Verifier{verifier(t)}, Quorum: quorum}
	for _, w := range witnesses {
		p.Witnesses = append(p.Witnesses, w.verifier(t))
	}
	return p
}

func names(list []receipt.Cosignature) (all []string) {
	for _, c := range list {
		all = append(all, c.Witness)
	}
	return all
}

func TestWitnesses(t *testing.T) {
	a, b := newWitness(t, "witness.example.com/a", 11), newWitness(t, "witness.example.com/b", 12)
	l := open(t, witnessed(t, 0, a, b))
	for i := range 3 {
		raw := appended(t, l, i)
		for _, quorum := range []int{0, 1, 2} {
			r, err := policyOf(t, quorum, b, a).Verify(raw)
			if err != nil {
				t.Fatalf("%v\n%s", err, raw)
			}
			if d := cmp.Diff([]string{"witness.example.com/a", "witness.example.com/b"}, names(r.Cosignatures)); d != "" {
				t.Error(d)
			}
			if at := r.Cosignatures[0].At; time.Since(at) > time.Minute || time.Until(at) > 2*time.Second {
				t.Errorf("cosigned at %v", at)
			}
		}
		if _, err := receipt.Verify(raw, verifier(t)); err != nil {
			t.Errorf("without asking for witnesses: %v", err)
		}
		_, err := policyOf(t, 0, a, newWitness(t, "witness.example.com/c", 13)).Verify(raw)
		if !receipt.Is(err, receipt.NotCosigned) {
			t.Errorf("with a stranger among the witnesses: %v", err)
		}
	}
	if _, size := a.has(); size != 3 {
		t.Errorf("the witness has seen %d entries", size)
	}
	published, err := l.Checkpoint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	others, err := fnote.NewVerifierForCosignatureV1(a.vkey) // others' code, not ours
	if err != nil {
		t.Fatal(err)
	}
	if n, err := note.Open(published, note.VerifierList(others)); err != nil || len(n.Sigs) != 1 {
		t.Errorf("the library does not find the cosignature: %v\n%s", err, published)
	}
}

// With a quorum below the number, one may be away: it catches up later.
func TestWitnessAway(t *testing.T) {
	a, b := newWitness(t, "witness.example.com/a", 11), newWitness(t, "witness.example.com/b", 12)
	away := httptest.NewServer(nil)
	away.Close() // nobody listens there any more
	o := witnessed(t, 1, a, b)
	o.Witnesses[1].URL = away.URL
	l := open(t, o)
	raw := appended(t, l, 0)
	if r, err := policyOf(t, 1, a, b).Verify(raw); err != nil || len(r.Cosignatures) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := policyOf(t, 2, a, b).Verify(raw); !receipt.Is(err, receipt.NotCosigned) {
		t.Errorf("both are wanted: %v", err)
	}
	closeLog(t, l)
	o.WitnessQuorum, o.Witnesses[1].URL = 2, b.url
	l = open(t, o)
	if _, err := policyOf(t, 2, a, b).Verify(appended(t, l, 1)); err != nil {
		t.Error(err)
	}
}

// While the witness refuses, nothing is acknowledged, nothing is published, and nothing
// is added twice. When it cosigns again, the log goes on.
func TestWitnessRefuses(t *testing.T) {
	w := newWitness(t, "witness.example.com", 11)
	l := open(t, witnessed(t, 0, w))
	appended(t, l, 0)
	w.answers(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusForbidden) }))
	ctx, cancel := context.WithCancel(t.Context())
	go untilFailed(l, cancel)
	if _, _, err := l.Append(ctx, entry(1)); !errors.Is(err, ErrNotCosigned) || !errors.Is(err, context.Canceled) {
		t.Errorf("refused: %v", err)
	}
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, err := l.AppendAll(ctx, numbered(10, 20)); !errors.Is(err, ErrNotCosigned) {
			t.Errorf("while it refuses: %v", err)
		}
		cancel()
	}
	if n, err := l.Size(t.Context()); n != 1 || err != nil {
		t.Errorf("published %d entries, %v", n, err)
	}
	if n := l.committer.pending(); n != 0 {
		t.Errorf("%d requests are kept of callers who have left", n)
	}
	w.answers(nil)
	raw, index, err := l.Append(t.Context(), entry(2))
	if err != nil || index != 2 {
		t.Fatalf("index %d, %v; want the one after the entry that was not acknowledged", index, err)
	}
	if _, err := policyOf(t, 0, w).Verify(raw); err != nil {
		t.Error(err)
	}
	if n, err := l.Size(t.Context()); n != 3 || err != nil {
		t.Errorf("published %d entries, %v: what nobody waits for any more was added", n, err)
	}
}

// A new log does not begin without its witnesses either, and can be begun later.
func TestNewLogNotCosigned(t *testing.T) {
	w := newWitness(t, "witness.example.com", 11)
	w.answers(http.NotFoundHandler())
	o := witnessed(t, 0, w)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if l, err := Open(ctx, o); !errors.Is(err, ErrNotCosigned) || l != nil {
		t.Errorf("%v, %v", l, err)
	}
	w.answers(nil)
	if _, err := policyOf(t, 0, w).Verify(appended(t, open(t, o), 0)); err != nil {
		t.Error(err)
	}
}

// A witness that was shown another history of the log never cosigns this one, whichever
// is the longer.
func TestWitnessKnowsAnotherHistory(t *testing.T) {
	for name, shown := range map[string]int{"shorter": 2, "of-equal-length": 3, "longer": 5} {
		t.Run(name, func(t *testing.T) {
			w := newWitness(t, "witness.example.com", 11)
			other := open(t, witnessed(t, 0, w))
			if _, err := other.AppendAll(t.Context(), numbered(100, 100+shown)); err != nil {
				t.Fatal(err)
			}
			o := options(t, t.TempDir())
			l := open(t, o)
			if _, err := l.AppendAll(t.Context(), numbered(0, 2)); err != nil {
				t.Fatal(err)
			}
			closeLog(t, l)
			o.Witnesses = []Witness{w.config()}
			l = open(t, o) // what is published already may be served
			ctx, cancel := context.WithCancel(t.Context())
			go untilFailed(l, cancel)
			if raw, _, err := l.Append(ctx, entry(3)); !errors.Is(err, ErrNotCosigned) || raw != nil {
				t.Errorf("%v\n%s", err, raw)
			}
			if _, err := l.Receipt(ctx, entry(0), 0); !errors.Is(err, ErrNotCosigned) {
				t.Errorf("a receipt of before: %v", err)
			}
			if n, _ := l.Size(t.Context()); n != 2 {
				t.Errorf("published %d entries", n)
			}
		})
	}
}

// A log that gets witnesses later has what it published before cosigned.
func TestWitnessesLater(t *testing.T) {
	o := options(t, t.TempDir())
	l := open(t, o)
	appended(t, l, 0)
	closeLog(t, l)
	w := newWitness(t, "witness.example.com", 11)
	o.Witnesses = []Witness{w.config()}
	l = open(t, o)
	raw, err := l.Receipt(t.Context(), entry(0), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := policyOf(t, 0, w).Verify(raw); err != nil {
		t.Error(err)
	}
	closeLog(t, l)
	asked, _ := w.has()
	l = open(t, o)
	if _, err := l.Receipt(t.Context(), entry(0), 0); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	if now, _ := w.has(); now != asked {
		t.Errorf("asked %d times about what it has cosigned", now-asked)
	}
}

// Cosignatures on a log that does not grow are renewed.
func TestRefresh(t *testing.T) {
	w := newWitness(t, "witness.example.com", 11)
	l := open(t, witnessed(t, 0, w))
	appended(t, l, 0)
	closeLog(t, l)
	c := newCommitter(nil, l.committer.publisher, nil)
	if c.refresh != refreshInterval {
		t.Errorf("renewed every %v", c.refresh)
	}
	c.newest, c.isReady, c.refresh = l.committer.newest, true, time.Millisecond
	before, _ := w.has()
	ctx, cancel := context.WithCancel(t.Context())
	go c.run(ctx)
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if now, _ := w.has(); now >= before+3 {
			break
		}
	}
	cancel()
	<-c.finished
	if now, size := w.has(); now < before+3 || size != 1 {
		t.Errorf("asked %d times more, about %d entries", now-before, size)
	}
}

// A witness can neither fill the memory nor send the log elsewhere.
func TestHostileWitness(t *testing.T) {
	elsewhere := newWitness(t, "witness.example.com/elsewhere", 13)
	for name, answer := range map[string]http.HandlerFunc{
		"endless": func(rw http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := rw.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		},
		"redirect": func(rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, elsewhere.url+r.URL.Path, http.StatusTemporaryRedirect)
		},
		"other's": func(rw http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(rw, "— witness.example.com %s\n", strings.Repeat("A", 96))
		},
		"nothing": func(http.ResponseWriter, *http.Request) {},
		"always-another": func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "text/x.tlog.size")
			rw.WriteHeader(http.StatusConflict)
			fmt.Fprintln(rw, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWitness(t, "witness.example.com", 11)
			l := open(t, witnessed(t, 0, w))
			w.answers(answer)
			ctx, cancel := context.WithCancel(t.Context())
			go untilFailed(l, cancel)
			if _, _, err := l.Append(ctx, entry(0)); !errors.Is(err, ErrNotCosigned) {
				t.Error(err)
			}
			w.answers(nil)
			appended(t, l, 1)
		})
	}
	if asked, _ := elsewhere.has(); asked > 0 {
		t.Error("a redirect to another host was followed")
	}
}

func TestWitnessConfig(t *testing.T) {
	a, b := newWitness(t, "witness.example.com/a", 11), newWitness(t, "witness.example.com/b", 12)
	sameKey := newWitness(t, "witness.example.com/c", 11)
	var many []Witness
	for i := range maxWitnesses + 1 {
		many = append(many, newWitness(t, "witness.example.com", byte(20+i)).config())
	}
	for name, c := range map[string]struct {
		list   []Witness
		quorum int
	}{
		"no key":                  {[]Witness{{URL: a.url}}, 0},
		"key of a log":            {[]Witness{{Key: options(t, "x").VKey, URL: a.url}}, 0},
		"no URL":                  {[]Witness{{Key: a.vkey}}, 0},
		"URL with another scheme": {[]Witness{{Key: a.vkey, URL: "ftp://witness.example.com"}}, 0},
		"URL with credentials":    {[]Witness{{Key: a.vkey, URL: "https://u:p@witness.example.com"}}, 0},
		"URL with query":          {[]Witness{{Key: a.vkey, URL: "https://witness.example.com/?q"}}, 0},
		"same twice":              {[]Witness{a.config(), {Key: a.vkey, URL: b.url}}, 0},
		"same key, another name":  {[]Witness{a.config(), sameKey.config()}, 0},
		"same URL":                {[]Witness{a.config(), {Key: b.vkey, URL: a.url}}, 0},
		"quorum too high":         {[]Witness{a.config(), b.config()}, 3},
		"quorum of nobody":        {nil, 1},
		"quorum negative":         {[]Witness{a.config()}, -1},
		"too many":                {many, 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, t.TempDir())
			o.Witnesses, o.WitnessQuorum = c.list, c.quorum
			if l, err := Open(t.Context(), o); err == nil {
				closeLog(t, l)
				t.Error("opened")
			}
			if n := len(files(t, o.Dir)); n > 1 { // the lock
				t.Errorf("%d files in the directory", n)
			}
		})
	}
}
