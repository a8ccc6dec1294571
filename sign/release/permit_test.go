package release

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
)

// Without a policy it is as it was before there were any: every person of the vendor
// signs, and a machine its products.
func TestNoPolicy(t *testing.T) {
	w := newWorld(t)
	w.wantUse(request("dave"))
	w.wantUse(request("robot"))
	w.wantNo(request("bert"), sign.CodeRole)
	w.wantNo(request("nobody"), sign.CodeRole)
	other := request("robot")
	other.Product = "other"
	w.wantNo(other, sign.CodeRole)
	_, err := w.s.Ask(t.Context(), request("dave"), "")
	wantCode(t, err, sign.CodeRequest) // nothing to approve
}

// A good request under a policy that asks for everything; then exactly one thing is
// wrong, and it is refused for exactly that.
func TestPermit(t *testing.T) {
	full := func() store.SigningPolicy {
		p := app()
		p.Windows = []store.ReleaseWindow{{Days: []string{"wed"}, From: "09:00", Until: "17:00"}}
		p.Freezes = []store.ReleaseFreeze{{From: "2026-12-20", Until: "2026-12-31", Reason: "holidays"}}
		p.MaxPerHour, p.MaxPerDay, p.ApprovalUses = 2, 3, 9
		return p
	}
	for name, c := range map[string]struct {
		change func(*world, *sign.Request)
		want   sign.Code
	}{
		"good":                {func(*world, *sign.Request) {}, ""},
		"a machine":           {func(_ *world, r *sign.Request) { r.By = "robot" }, ""},
		"approver, no signer": {func(_ *world, r *sign.Request) { r.By = "bob" }, sign.CodeRole},
		"no role":             {func(_ *world, r *sign.Request) { r.By = "dave" }, sign.CodeRole},
		"another vendor's":    {func(_ *world, r *sign.Request) { r.By = "bert" }, sign.CodeRole},
		"account disabled":    {func(w *world, r *sign.Request) { w.change("alice", func(p *store.Person) { p.DisabledAt = noon }) }, sign.CodeRole},
		"an hour early":       {func(w *world, _ *sign.Request) { w.now = noon.Add(-3*time.Hour - time.Second) }, sign.CodeWindow},
		"at the end":          {func(w *world, _ *sign.Request) { w.now = noon.Add(5 * time.Hour) }, sign.CodeWindow},
		"another day":         {func(w *world, _ *sign.Request) { w.now = noon.AddDate(0, 0, 1) }, sign.CodeWindow},
		"frozen":              {func(w *world, _ *sign.Request) { w.now = time.Date(2026, 12, 23, 12, 0, 0, 0, time.UTC) }, sign.CodeWindow},
		"another digest":      {func(_ *world, r *sign.Request) { r.Digest[31] = 1 }, sign.CodeApproval},
		"another format":      {func(_ *world, r *sign.Request) { r.Format = "deb" }, sign.CodeApproval},
		"another certificate": {func(_ *world, r *sign.Request) { r.Certificate = "01" }, sign.CodeApproval},
		"a new certificate":   {func(_ *world, r *sign.Request) { r.PerBuild = true }, sign.CodeApproval},
		"with claims": {func(_ *world, r *sign.Request) {
			r.PerBuild, r.Claims = true, []ca.Wanted{{Framework: "slsa-v0.1", Level: 1}}
		}, sign.CodeApproval},
		"provisionally":    {func(_ *world, r *sign.Request) { r.Mode = sign.Provisional; *r = r.Normal() }, sign.CodeApproval},
		"third in an hour": {func(w *world, r *sign.Request) { w.wantUse(*r); w.wantUse(*r) }, sign.CodeLimit},
		"fourth in a day": {func(w *world, r *sign.Request) {
			w.wantUse(*r)
			w.now = w.now.Add(2 * time.Hour)
			w.wantUse(*r)
			w.wantUse(*r)
			w.now = w.now.Add(2 * time.Hour)
		}, sign.CodeLimit},
		"approval over": {func(w *world, _ *sign.Request) { w.now = noon.AddDate(0, 0, 7) }, sign.CodeApproval},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.set(full())
			req := request("alice")
			w.approve(w.ask(req).ID, "bob", "carol")
			c.change(w, &req)
			if c.want == "" {
				w.wantUse(req)
				return
			}
			w.wantNo(req, c.want)
		})
	}
}

// An approval of another product's signature is none.
func TestApprovalOfAnotherProduct(t *testing.T) {
	w := newWorld(t)
	p := app()
	w.set(p)
	p.Product = "lib"
	w.set(p)
	req := request("alice")
	w.approve(w.ask(req).ID, "bob", "carol")
	req.Product = "lib"
	w.wantNo(req, sign.CodeApproval)
}

// Everything that decides what is signed is covered: no two requests that differ meet.
func TestCover(t *testing.T) {
	seen := map[string]string{}
	add := func(name, serial string, change func(*sign.Request)) {
		r := request("alice")
		change(&r)
		c := cover(r, serial)
		if other, ok := seen[c]; ok {
			t.Errorf("%s is covered like %s", name, other)
		}
		seen[c] = name
	}
	add("plain", "02", func(*sign.Request) {})
	add("vendor", "02", func(r *sign.Request) { r.Vendor = "beta" })
	add("product", "02", func(r *sign.Request) { r.Product = "lib" })
	add("product with a quote", "02", func(r *sign.Request) { r.Product = `app","` })
	add("digest", "02", func(r *sign.Request) { r.Digest[0] = 2 })
	add("format", "02", func(r *sign.Request) { r.Format = "deb" })
	add("what is signed", "02", func(r *sign.Request) { r.Signed[0] = 2 })
	add("mode", "", func(r *sign.Request) { r.PerBuild, r.Mode = true, sign.Provisional })
	add("serial", "03", func(*sign.Request) {})
	add("per build", "", func(r *sign.Request) { r.PerBuild = true })
	add("claims", "", func(r *sign.Request) {
		r.PerBuild, r.Claims = true, []ca.Wanted{{Framework: "f", Track: "t", Level: 1}}
	})
	add("level", "", func(r *sign.Request) {
		r.PerBuild, r.Claims = true, []ca.Wanted{{Framework: "f", Track: "t", Level: 2}}
	})
	add("track", "", func(r *sign.Request) { r.PerBuild, r.Claims = true, []ca.Wanted{{Framework: "f", Level: 1}} })
	two := []ca.Wanted{{Framework: "f", Track: "t", Level: 1}, {Framework: "g", Level: 1}}
	a, b := request("alice"), request("bob")
	a.PerBuild, b.PerBuild, a.Claims = true, true, two
	b.Claims = []ca.Wanted{two[1], two[0]}
	if cover(a, "") != cover(b, "") {
		t.Error("the order of claims, or who asks, is covered")
	}
}

// Whose word counts is asked when the signature is made, not when it was given.
func TestVotesAreCountedAtUse(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		want   sign.Code
	}{
		"nothing happened":       {func(*world) {}, ""},
		"bob's account is gone":  {func(w *world) { w.change("bob", func(p *store.Person) { p.DisabledAt = noon }) }, sign.CodeApproval},
		"bob moved":              {func(w *world) { w.change("bob", func(p *store.Person) { p.Vendor = "beta" }) }, sign.CodeApproval},
		"bob is no approver":     {func(w *world) { w.force(func(p *store.SigningPolicy) { p.Roles = slices.Delete(p.Roles, 2, 3) }) }, sign.CodeApproval},
		"three are wanted now":   {func(w *world) { w.force(func(p *store.SigningPolicy) { p.Approvals = 3 }) }, sign.CodeApproval},
		"a factor is wanted now": {func(w *world) { w.force(func(p *store.SigningPolicy) { p.SecondFactor = true }) }, sign.CodeApproval},
		"one is enough now":      {func(w *world) { w.force(func(p *store.SigningPolicy) { p.Approvals = 1 }) }, ""},
		"denied after all": {func(w *world) {
			a := w.ask(request("alice"))
			_, err := w.s.Deny(context.Background(), w.person("carol"), a.ID, "not today")
			w.must(err)
		}, sign.CodeApproval},
		"taken back": {func(w *world) {
			a := w.ask(request("alice"))
			_, err := w.s.Deny(context.Background(), w.person("alice"), a.ID, "my mistake")
			w.must(err)
		}, sign.CodeApproval},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.set(app())
			req := request("alice")
			w.approve(w.ask(req).ID, "bob", "carol")
			c.change(w)
			if c.want == "" {
				w.wantUse(req)
				return
			}
			w.wantNo(req, c.want)
		})
	}
}

// force changes the policy behind everybody's back, as a change of it in between does.
func (w *world) force(fn func(*store.SigningPolicy)) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		p, err := store.SigningPolicies.Get(tx, store.ProductKey("acme", "app"))
		if err != nil {
			return err
		}
		fn(&p)
		p.Version++
		return store.SigningPolicies.Put(tx, p)
	})
}

// Many signatures at once share an approval as often as it says, and a limit as well.
func TestAtOnce(t *testing.T) {
	const tries = 16
	at := func(w *world) (made int) {
		var group sync.WaitGroup
		var mu sync.Mutex
		for range tries {
			group.Go(func() {
				err := w.record(request("alice"), "02")
				mu.Lock()
				defer mu.Unlock()
				var r *sign.Refusal
				if err == nil {
					made++
				} else if !errors.As(err, &r) || r.Code != sign.CodeApproval && r.Code != sign.CodeLimit {
					t.Error(err)
				}
			})
		}
		group.Wait()
		return made
	}
	t.Run("approval", func(t *testing.T) {
		w := newWorld(t)
		w.set(app())
		a := w.ask(request("alice"))
		w.approve(a.ID, "bob", "carol")
		if n := at(w); n != 1 {
			t.Errorf("%d signatures on an approval of one", n)
		}
		again := w.ask(request("alice"))
		if again.ID == a.ID {
			t.Error("the approval that is used up is open")
		}
	})
	t.Run("approval of three", func(t *testing.T) {
		w := newWorld(t)
		p := app()
		p.ApprovalUses = 3
		w.set(p)
		w.approve(w.ask(request("alice")).ID, "bob", "carol")
		if n := at(w); n != 3 {
			t.Errorf("%d signatures on an approval of three", n)
		}
	})
	t.Run("limit", func(t *testing.T) {
		w := newWorld(t)
		w.set(store.SigningPolicy{Vendor: "acme", Product: "app", MaxPerHour: 5})
		if n := at(w); n != 5 {
			t.Errorf("%d signatures with a limit of five", n)
		}
	})
}

// The limit holds for any 60 minutes, and a clock that was set back is no way around it.
func TestLimitSlides(t *testing.T) {
	w := newWorld(t)
	w.set(store.SigningPolicy{Vendor: "acme", Product: "app", MaxPerHour: 2})
	w.now = noon.Add(59 * time.Minute)
	w.wantUse(request("alice"))
	w.wantUse(request("alice"))
	for _, after := range []time.Duration{0, 2 * time.Minute, 59 * time.Minute, -2 * time.Hour} {
		w.now = noon.Add(59*time.Minute + after)
		w.wantNo(request("alice"), sign.CodeLimit)
	}
	w.now = noon.Add(2*time.Hour + time.Minute)
	w.wantUse(request("alice"))
}

func TestWindows(t *testing.T) {
	office := store.SigningPolicy{Product: "app", Zone: "Europe/Amsterdam", Windows: []store.ReleaseWindow{
		{Days: []string{"mon", "tue", "wed", "thu", "fri"}, From: "09:00", Until: "17:00"}, {Days: []string{"sat"}, From: "23:00", Until: "24:00"},
	}, Freezes: []store.ReleaseFreeze{{From: "2026-07-01", Until: "2026-07-01"}}}
	for text, want := range map[string]bool{
		"2026-01-14T08:00:00Z": true, "2026-01-14T07:59:59Z": false, // winter: one hour ahead of UTC
		"2026-07-15T07:00:00Z": true, "2026-07-15T06:59:59Z": false, // summer: two
		"2026-07-15T14:59:59Z": true, "2026-07-15T15:00:00Z": false,
		"2026-01-17T22:30:00Z": true, "2026-01-17T23:00:00Z": false, "2026-01-18T12:00:00Z": false, // Saturday night, Sunday
		"2026-07-01T12:00:00Z": false, "2026-06-30T22:00:00Z": false, "2026-07-02T08:00:00Z": true, // frozen by the zone's days
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		err = open(office, at)
		if (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil {
			wantCode(t, err, sign.CodeWindow)
		}
	}
}

// Each vote and each policy is in the audit trail and in the log, which names nobody.
func TestLogged(t *testing.T) {
	w := newWorld(t)
	w.set(app())
	a := w.ask(request("alice"))
	w.approve(a.ID, "bob")
	_, err := w.s.Deny(t.Context(), w.person("carol"), a.ID, "no")
	w.must(err)
	types, actions := w.logged()
	if want := []string{receipt.PolicyChanged, receipt.ApprovalGiven, receipt.ApprovalDenied}; !slices.Equal(types, want) {
		t.Errorf("logged %q", types)
	}
	for _, want := range []string{actionProposed, actionChanged, actionRequested, actionApproved, actionDenied} {
		if !slices.Contains(actions, want) {
			t.Errorf("no event %s in %q", want, actions)
		}
	}
	w.must(w.store.View(t.Context(), func(r store.Reader) error {
		for rec, err := range store.LedgerEntries.By(r, "about", a.ID) {
			if err != nil {
				return err
			}
			e, err := receipt.ParseEntry(rec.Entry)
			if err != nil {
				return err
			}
			who := map[string]string{receipt.ApprovalGiven: "bob", receipt.ApprovalDenied: "carol"}[e.Type]
			if !receipt.Opens(e.Commitment, a.LogSalt, strings.Join([]string{a.ID, who, a.Covers}, " ")) {
				t.Errorf("%s does not open", e.Type)
			}
		}
		v, err := store.Vendors.Get(r, "acme")
		if err != nil || len(v.LogSalt) != receipt.SaltBytes {
			t.Errorf("salt of %d bytes, %v", len(v.LogSalt), err)
		}
		return nil
	}))
}
