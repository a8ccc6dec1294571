package release

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
)

func (w *world) propose(who string, p store.SigningPolicy) (store.PolicyChange, error) {
	return w.s.Propose(context.Background(), w.person(who), p)
}

func (w *world) agree(who string, c store.PolicyChange) (store.PolicyChange, error) {
	return w.s.Agree(context.Background(), w.person(who), c.ID, nil)
}

// inForce is the policy's version and how many approvals it wants.
func (w *world) inForce() (version, approvals int) {
	w.t.Helper()
	w.must(w.store.View(context.Background(), func(r store.Reader) error {
		p, _, err := policyOf(r, "acme", "app")
		version, approvals = p.Version, p.Approvals
		return err
	}))
	return version, approvals
}

// Nobody alone lowers what two must agree to: not an admin, not who proposes, not one
// officer, not the same person twice.
func TestPolicyNeedsItsOwnQuorum(t *testing.T) {
	w := newWorld(t)
	w.set(app())
	lower := app()
	lower.Approvals = 1
	c, err := w.propose("alice", lower)
	w.must(err)
	still := func(what string) {
		t.Helper()
		if v, n := w.inForce(); v != 1 || n != 2 {
			t.Fatalf("%s: version %d wants %d", what, v, n)
		}
	}
	still("proposed")
	_, err = w.agree("alice", c)
	wantCode(t, err, sign.CodePolicy) // she has: it does not count
	_, err = w.agree("dave", c)
	wantCode(t, err, sign.CodeRole)
	_, err = w.agree("robot", c)
	wantCode(t, err, sign.CodeRole)
	if _, err = w.agree("bert", c); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another vendor's person: %v", err)
	}
	_, err = w.agree("olga", c)
	w.must(err)
	still("one officer")
	_, err = w.agree("bob", c)
	w.must(err)
	still("one officer and one approver")
	_, err = w.agree("bob", c)
	wantCode(t, err, sign.CodePolicy)
	still("the same twice")
	w.change("bob", func(p *store.Person) { p.DisabledAt = noon })
	_, err = w.propose("dave", lower)
	wantCode(t, err, sign.CodePolicy) // bob cannot be named any more
	w.change("bob", func(p *store.Person) { p.DisabledAt = time.Time{} })
	c, err = w.agree("carol", c)
	w.must(err)
	if v, n := w.inForce(); v != 2 || n != 1 || c.State != store.ChangeInForce {
		t.Errorf("two have agreed: version %d wants %d, %s", v, n, c.State)
	}
	_, err = w.agree("olga", c)
	wantCode(t, err, sign.CodePolicy) // it is done
}

// Who proposes counts where the policy lets the requester approve, or wants nobody to.
func TestProposerCounts(t *testing.T) {
	w := newWorld(t)
	p := app()
	p.RequesterMayApprove = true
	w.set(p)
	p.Approvals = 1
	c, err := w.propose("alice", p)
	w.must(err)
	if c, err = w.agree("bob", c); err != nil || c.State != store.ChangeInForce {
		t.Errorf("%s, %v", c.State, err)
	}
	w = newWorld(t)
	w.set(store.SigningPolicy{Vendor: "acme", Product: "app", MaxPerDay: 1})
	if c, err := w.propose("dave", store.SigningPolicy{Vendor: "acme", Product: "app", MaxPerDay: 2}); err != nil || c.State != store.ChangeInForce {
		t.Errorf("no roles, no approvals: %s, %v", c.State, err)
	}
}

// Two officers can, for a vendor whose people are gone.
func TestTwoOfficers(t *testing.T) {
	w := newWorld(t)
	w.set(app())
	c, err := w.propose("olga", store.SigningPolicy{Vendor: "acme", Product: "app"})
	w.must(err)
	if c.State != store.ChangeProposed {
		t.Fatal("one officer alone changed a policy")
	}
	w.change("otto", func(p *store.Person) { p.DisabledAt = noon })
	if c, err = w.agree("alice", c); err != nil || c.State != store.ChangeProposed {
		t.Errorf("an officer and an admin: %s, %v", c.State, err)
	}
	w.change("otto", func(p *store.Person) { p.DisabledAt = time.Time{} })
	if c, err = w.agree("otto", c); err != nil || c.State != store.ChangeInForce {
		t.Errorf("two officers: %s, %v", c.State, err)
	}
	w.wantUse(request("dave"))
}

// A proposal is for the policy that there was: votes for it are not carried over.
func TestStaleProposal(t *testing.T) {
	w := newWorld(t)
	w.set(app())
	lower, other := app(), app()
	lower.Approvals, other.MaxPerDay = 1, 7
	old, err := w.propose("alice", lower)
	w.must(err)
	_, err = w.agree("bob", old)
	w.must(err)
	c, err := w.propose("alice", other)
	w.must(err)
	for _, who := range []string{"bob", "carol"} {
		_, err = w.agree(who, c)
		w.must(err)
	}
	_, err = w.agree("carol", old)
	wantCode(t, err, sign.CodePolicy)
	_, err = w.propose("dave", other)
	wantCode(t, err, sign.CodeRole)
	c, err = w.propose("alice", lower)
	w.must(err)
	if c, err = w.s.Reject(t.Context(), w.person("bob"), c.ID); err != nil || c.State != store.ChangeRefused {
		t.Errorf("%s, %v", c.State, err)
	}
	_, err = w.agree("carol", c)
	wantCode(t, err, sign.CodePolicy)
}

// A policy that cannot be meant is refused, with the field's name.
func TestCheck(t *testing.T) {
	role := func(person, role string) store.ProductRole { return store.ProductRole{Person: person, Role: role} }
	window := func(days, from, until string) func(*store.SigningPolicy) {
		return func(p *store.SigningPolicy) {
			p.Windows = []store.ReleaseWindow{{Days: strings.Fields(days), From: from, Until: until}}
		}
	}
	freeze := func(from, until string) func(*store.SigningPolicy) {
		return func(p *store.SigningPolicy) { p.Freezes = []store.ReleaseFreeze{{From: from, Until: until}} }
	}
	for name, c := range map[string]struct {
		field  string
		change func(*store.SigningPolicy)
	}{
		"good":                 {"", func(*store.SigningPolicy) {}},
		"good rule":            {"", func(p *store.SigningPolicy) { p.Rules = []store.SigningRule{{Name: "a", CEL: "ok"}} }},
		"to midnight":          {"", window("sat sun", "00:00", "24:00")},
		"no product":           {"product", func(p *store.SigningPolicy) { p.Product = "" }},
		"product with a line":  {"product", func(p *store.SigningPolicy) { p.Product = "a\nb" }},
		"negative approvals":   {"approvals", func(p *store.SigningPolicy) { p.Approvals = -1 }},
		"eleven approvals":     {"approvals", func(p *store.SigningPolicy) { p.Approvals = 11 }},
		"factor for nothing":   {"approvals", func(p *store.SigningPolicy) { p.Approvals, p.SecondFactor = 0, true }},
		"lasts a second":       {"approval_lasts", func(p *store.SigningPolicy) { p.ApprovalLasts = time.Second }},
		"lasts a year":         {"approval_lasts", func(p *store.SigningPolicy) { p.ApprovalLasts = 366 * 24 * time.Hour }},
		"for ever":             {"approval_uses", func(p *store.SigningPolicy) { p.ApprovalUses = 101 }},
		"negative limit":       {"max_per_hour", func(p *store.SigningPolicy) { p.MaxPerHour = -1 }},
		"negative daily limit": {"max_per_day", func(p *store.SigningPolicy) { p.MaxPerDay = -1 }},
		"zone of the machine":  {"zone", func(p *store.SigningPolicy) { p.Zone = "Local" }},
		"unknown zone":         {"zone", func(p *store.SigningPolicy) { p.Zone = "Europe/Atlantis" }},
		"zone that climbs":     {"zone", func(p *store.SigningPolicy) { p.Zone = "../../etc/passwd" }},
		"no days":              {"windows[0]", window("", "09:00", "17:00")},
		"unknown day":          {"windows[0]", window("mittwoch", "09:00", "17:00")},
		"backwards":            {"windows[0]", window("mon", "17:00", "09:00")},
		"empty window":         {"windows[0]", window("mon", "09:00", "09:00")},
		"other spelling":       {"windows[0]", window("mon", "9:00", "17:00")},
		"from midnight's end":  {"windows[0]", window("mon", "24:00", "24:00")},
		"freeze backwards":     {"freezes[0]", freeze("2026-12-31", "2026-12-01")},
		"no day":               {"freezes[0]", freeze("2026-02-30", "2026-12-01")},
		"rule without a name":  {"rules[0]", func(p *store.SigningPolicy) { p.Rules = []store.SigningRule{{CEL: "ok"}} }},
		"two rules, one name": {"rules[1]", func(p *store.SigningPolicy) {
			p.Rules = []store.SigningRule{{Name: "a", CEL: "ok"}, {Name: "a", CEL: "ok"}}
		}},
		"rule not of CEL":      {"rules[0]", func(p *store.SigningPolicy) { p.Rules = []store.SigningRule{{Name: "a", CEL: "("}} }},
		"nobody's role":        {"roles[6]", func(p *store.SigningPolicy) { p.Roles = append(p.Roles, role("nobody", "signer")) }},
		"another vendor's":     {"roles[6]", func(p *store.SigningPolicy) { p.Roles = append(p.Roles, role("bert", "signer")) }},
		"an officer's":         {"roles[6]", func(p *store.SigningPolicy) { p.Roles = append(p.Roles, role("olga", "approver")) }},
		"unknown role":         {"roles[6]", func(p *store.SigningPolicy) { p.Roles = append(p.Roles, role("dave", "boss")) }},
		"a machine approves":   {"roles[6]", func(p *store.SigningPolicy) { p.Roles = append(p.Roles, role("robot", "approver")) }},
		"twice":                {"roles[6]", func(p *store.SigningPolicy) { p.Roles = append(p.Roles, role("alice", "signer")) }},
		"nobody signs":         {"roles", func(p *store.SigningPolicy) { p.Roles = p.Roles[:4] }},
		"nobody administrates": {"roles", func(p *store.SigningPolicy) { p.Roles = p.Roles[1:] }},
		"more than there are":  {"roles", func(p *store.SigningPolicy) { p.Approvals = 4 }},
		"approvals, no roles":  {"roles", func(p *store.SigningPolicy) { p.Roles = nil }},
		"only who asks is left": {"roles", func(p *store.SigningPolicy) {
			p.Approvals, p.Roles = 1, []store.ProductRole{role("alice", "admin"), role("alice", "approver"), role("alice", "signer")}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := app()
			c.change(&p)
			_, err := w.propose("alice", p)
			if c.field == "" {
				w.must(err)
				return
			}
			wantCode(t, err, sign.CodePolicy)
			var r *sign.Refusal
			if errors.As(err, &r) && r.Field != c.field {
				t.Errorf("about %q, want %q: %v", r.Field, c.field, err)
			}
			if v, _ := w.inForce(); v != 0 {
				t.Error("it is in force")
			}
		})
	}
}

// Votes on a request: each refusal is for one thing that is wrong.
func TestVotes(t *testing.T) {
	w := newWorld(t)
	w.set(app())
	a := w.ask(request("alice"))
	if again := w.ask(request("robot")); again.ID != a.ID {
		t.Error("asked for the same twice, and there are two requests")
	}
	vote := func(who string) error {
		_, err := w.s.Approve(t.Context(), w.person(who), a.ID, "", nil)
		return err
	}
	wantCode(t, vote("alice"), sign.CodeApproval) // she asked
	wantCode(t, vote("dave"), sign.CodeRole)
	wantCode(t, vote("robot"), sign.CodeRole)
	for _, who := range []string{"bert", "olga"} {
		if err := vote(who); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s: %v", who, err)
		}
	}
	w.must(vote("bob"))
	wantCode(t, vote("bob"), sign.CodeApproval)
	w.wantNo(request("alice"), sign.CodeApproval) // one of two
	_, err := w.s.Deny(t.Context(), w.person("dave"), a.ID, "")
	wantCode(t, err, sign.CodeRole)
	w.now = a.ExpiresAt.Add(time.Second)
	wantCode(t, vote("carol"), sign.CodeApproval)
	w.now = noon
	w.must(vote("carol"))
	w.wantUse(request("robot")) // any signer may use it
	wantCode(t, vote("carol"), sign.CodeApproval)
	b := w.ask(request("alice"))
	w.now = b.ExpiresAt.Add(time.Second)
	c := w.ask(request("alice"))
	w.must(w.store.View(t.Context(), func(r store.Reader) error {
		old, err := store.SigningApprovals.Get(r, b.ID)
		if err != nil || old.State != store.ApprovalExpired || c.ID == b.ID {
			t.Errorf("expired: %+v, %v", old, err)
		}
		return err
	}))
}

func TestOpenRequestsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.set(app())
	w.update(func(tx store.Tx) error {
		for range maxOpen {
			if err := store.SigningApprovals.Insert(tx, store.SigningApproval{ID: store.NewID(noon), State: store.ApprovalPending, Vendor: "acme", Covers: "x", ExpiresAt: noon.Add(time.Hour)}); err != nil {
				return err
			}
		}
		return nil
	})
	_, err := w.s.Ask(t.Context(), request("alice"), "")
	wantCode(t, err, sign.CodeApproval)
	w.now = noon.Add(2 * time.Hour)
	w.ask(request("alice"))
}

// What a failing store leaves is either all of a vote or nothing.
func TestVoteIsWholeOrNot(t *testing.T) {
	w := newWorld(t)
	w.set(app())
	a := w.ask(request("alice"))
	for n := 1; ; n++ {
		before, _ := w.logged()
		faulty, fired := w.failing(n)
		_, err := faulty.Approve(t.Context(), w.person("bob"), a.ID, "", nil)
		if !fired() {
			w.must(err)
			break
		}
		after, _ := w.logged()
		if err == nil || !slices.Equal(before, after) {
			t.Fatalf("fault %d: %v, logged %q", n, err, after)
		}
	}
	w.must(w.store.View(t.Context(), func(r store.Reader) error {
		got, err := store.SigningApprovals.Get(r, a.ID)
		if len(got.Votes) != 1 {
			t.Errorf("%d votes", len(got.Votes))
		}
		return err
	}))
}
