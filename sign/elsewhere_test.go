package sign

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
)

// elsewhere is a vendor's own host.
type elsewhere struct {
	w     *world
	has   [][]byte
	err   error
	asked [][]string
}

func (e *elsewhere) Pull(_ context.Context, vendor, digest string, urls []string) (int, error) {
	e.asked = append(e.asked, urls)
	e.w.evidence[vendor+"/"+digest] = append(e.w.evidence[vendor+"/"+digest], e.has...)
	return len(e.has), e.err
}

func TestEvidenceElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		here, there []string // names of envelopes
		err         error
		granted     bool
		asked       int
		says        string
	}{
		"all is here":               {here: []string{"good"}, granted: true},
		"all is there":              {there: []string{"good"}, granted: true, asked: 1},
		"there, behind another's":   {here: []string{"foreign"}, there: []string{"good"}, granted: true, asked: 1},
		"there, and one host fails": {there: []string{"good"}, err: errBroken, granted: true, asked: 1},
		"nowhere":                   {asked: 1, says: "provenance.available"},
		"by a stranger":             {there: []string{"foreign"}, asked: 1, says: "provenance.authenticated"},
		"not to be read":            {err: errBroken, asked: 1, says: errBroken.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			envelopes := map[string][]byte{"good": w.provenance(t, nil), "foreign": w.provenance(t, func(b *build) { b.by = w.auditor })}
			key := "vendor/" + hex.EncodeToString(w.digest[:])
			w.evidence[key] = nil
			for _, e := range c.here {
				w.evidence[key] = append(w.evidence[key], envelopes[e])
			}
			host := &elsewhere{w: w, err: c.err}
			for _, e := range c.there {
				host.has = append(host.has, envelopes[e])
			}
			s := w.service(t)
			s.c.Elsewhere = host
			_, err := s.Sign(t.Context(), w.request())
			var refusal *Refusal
			if c.granted != (err == nil) || err != nil && (!errors.As(err, &refusal) || refusal.Code != CodeGate || !strings.Contains(refusal.Detail, c.says)) {
				t.Errorf("%v, want %q", err, c.says)
			}
			if len(host.asked) != c.asked {
				t.Errorf("asked %d times, want %d", len(host.asked), c.asked)
			}
			for _, urls := range host.asked {
				if want := w.assessment(t).Scope.Repositories; !slices.Equal(urls, want) {
					t.Errorf("asked %v, the scope names %v", urls, want)
				}
			}
		})
	}
}
