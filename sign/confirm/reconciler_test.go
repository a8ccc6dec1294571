package confirm

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/store"
)

func TestConfirmed(t *testing.T) {
	w := newWorld(t)
	good, other := w.sign("good"), w.sign("other")
	w.poke()
	w.want(good, store.SignatureProvisional)
	w.grant(good)
	w.after(time.Minute)
	w.poke()
	got := w.want(good, store.SignatureConfirmed)
	if !got.ConfirmedAt.Equal(w.now) || !slices.Equal(got.Evidence, []string{digest}) {
		t.Errorf("%+v", got)
	}
	w.want(other, store.SignatureProvisional)
	if w.filed["acme: passed good"] != 1 || len(w.filed) != 1 {
		t.Errorf("filed %v", w.filed)
	}
	if got := w.notices(); !slices.Equal(got, []string{notify.SignatureConfirmed}) {
		t.Errorf("told %v", got)
	}
	w.after(24 * time.Hour)
	w.sweep()
	w.want(good, store.SignatureConfirmed)
	w.want(other, store.SignatureRevoked)
}

// A contradiction takes exactly one build, at once, and everything about it is on record.
func TestContradicted(t *testing.T) {
	w := newWorld(t)
	bad, sibling := w.sign("bad"), w.sign("sibling")
	w.contradict(bad)
	w.after(time.Minute)
	w.poke()
	got := w.want(bad, store.SignatureRevoked)
	w.want(sibling, store.SignatureProvisional)
	rev := w.certificate(bad).Revocation
	if !rev.InvalidityDate.Equal(start) || !rev.RevocationDate.Equal(start.Add(-time.Second)) || !rev.At.Equal(w.now) || rev.Reason != ca.ReasonPrivilegeWithdrawn || rev.By != machine {
		t.Errorf("%+v", rev)
	}
	all := w.incidents()
	if len(all) != 1 || got.Incident != all[0].ID {
		t.Fatalf("%+v", all)
	}
	i := all[0]
	if i.State != store.IncidentRevoked || i.Cause != store.CauseContradiction || i.Serial != bad.Serial || len(i.Verdicts) != 1 ||
		!slices.Equal(i.Evidence, []string{digest}) || len(i.Steps) != 1 || i.Steps[0].Who != machine || !i.RevokedAt.Equal(w.now) || i.RevokedBy != "" {
		t.Errorf("%+v", i)
	}
	if !slices.Contains(w.published, bad.Serial) || slices.Contains(w.published, sibling.Serial) || w.filed["acme: failed bad"] != 1 {
		t.Errorf("published %v, filed %v", w.published, w.filed)
	}
	if got := w.notices(); !slices.Equal(got, []string{notify.SignatureRevoked}) {
		t.Errorf("told %v", got)
	}
	w.grant(bad) // too late
	w.poke()
	w.sweep()
	w.want(bad, store.SignatureRevoked)
	if len(w.incidents()) != 1 || w.filed["acme: failed bad"] != 1 {
		t.Error("it was done again")
	}
}

// The deadline holds to the second, also after the server was down over it, and evidence
// that is there by then confirms.
func TestDeadline(t *testing.T) {
	w := newWorld(t)
	late, lucky := w.sign("late"), w.sign("lucky")
	w.after(time.Hour - time.Second)
	w.tick()
	w.want(late, store.SignatureProvisional)
	if f := w.figures(); f != (Figures{Open: 2}) {
		t.Errorf("%+v", f)
	}
	w.grant(lucky) // filed while nobody listened
	w.after(25 * time.Hour)
	if f := w.figures(); f != (Figures{Open: 2, Overdue: 2}) {
		t.Errorf("%+v", f)
	}
	w.open() // the server was down
	w.sweep()
	w.want(late, store.SignatureRevoked)
	w.want(lucky, store.SignatureConfirmed)
	if i := w.incidents(); len(i) != 1 || i[0].Cause != store.CauseDeadline {
		t.Errorf("%+v", i)
	}
	if f := w.figures(); f != (Figures{Revoked: 1}) {
		t.Errorf("%+v", f)
	}
}

func TestDeadlineAtTheSecond(t *testing.T) {
	w := newWorld(t)
	s := w.sign("late")
	w.after(time.Hour)
	w.tick()
	w.want(s, store.SignatureRevoked)
}

// A clock that nobody can trust revokes nothing for being late; a contradiction needs no clock.
func TestNoRevocationByABadClock(t *testing.T) {
	w := newWorld(t)
	late, bad, good := w.sign("late"), w.sign("bad"), w.sign("good")
	w.contradict(bad)
	w.grant(good)
	w.clockErr = ca.ErrTimeNotAvailable
	w.after(48 * time.Hour)
	if err := w.r.Sweep(t.Context()); !errors.Is(err, ca.ErrTimeNotAvailable) {
		t.Errorf("%v", err)
	}
	w.want(late, store.SignatureProvisional)
	w.want(bad, store.SignatureRevoked)
	w.want(good, store.SignatureConfirmed)
	w.clockErr = nil
	w.tick()
	w.want(late, store.SignatureRevoked)
}

// A signature that was made while the clock stood ahead is revoked when it is contradicted,
// and not when its time has come.
func TestContradictedAfterAClockThatWasAhead(t *testing.T) {
	w := newWorld(t)
	w.after(24 * time.Hour)
	bad := w.sign("bad")
	w.after(-24 * time.Hour)
	w.contradict(bad)
	w.poke()
	w.want(bad, store.SignatureRevoked)
	if rev := w.certificate(bad).Revocation; rev == nil || rev.RevocationDate.After(w.now) || rev.InvalidityDate.After(w.now) || !rev.RevocationDate.Before(bad.At) {
		t.Errorf("%+v", rev)
	}
}

// What cannot be judged is not confirmed, and not kept for ever.
func TestUnjudged(t *testing.T) {
	w := newWorld(t)
	s := w.sign("late")
	w.judgeErr = errOff
	w.after(time.Hour)
	if err := w.r.Tick(t.Context()); !errors.Is(err, errOff) {
		t.Errorf("%v", err)
	}
	w.want(s, store.SignatureProvisional)
	w.after(judgeGrace)
	w.tick()
	w.want(s, store.SignatureRevoked)
}

// Between judgement and record the ground may go.
func TestNotConfirmedWithoutGround(t *testing.T) {
	w := newWorld(t)
	s := w.sign("good")
	w.grant(s)
	w.holdsErr = errOff
	w.r.Poke("acme", digest)
	if err := w.r.settlePoked(t.Context()); !errors.Is(err, errOff) {
		t.Errorf("%v", err)
	}
	w.want(s, store.SignatureProvisional)
	w.holdsErr = nil
	w.tick() // what was filed is not announced twice
	w.want(s, store.SignatureConfirmed)
}

func TestRevokedElsewhere(t *testing.T) {
	w := newWorld(t)
	s := w.sign("good")
	w.grant(s)
	must(t, w.store.Update(t.Context(), func(tx store.Tx) error {
		return w.RevokeIn(tx, s.Serial, store.Revocation{At: w.now, RevocationDate: s.At.Add(-time.Second), By: "olga"})
	}))
	w.sweep()
	w.want(s, store.SignatureRevoked)
	if len(w.incidents()) != 0 || len(w.filed) != 0 {
		t.Error("an incident about what an officer did")
	}
}

// TestRevokedTooLate: whoever revokes a certificate from now on does not save the
// provisional signature that was made with it before, which a timestamp dates.
func TestRevokedTooLate(t *testing.T) {
	w := newWorld(t)
	s := w.sign("bad")
	w.contradict(s)
	w.after(10 * time.Second)
	must(t, w.store.Update(t.Context(), func(tx store.Tx) error {
		return w.RevokeIn(tx, s.Serial, store.Revocation{At: w.now, RevocationDate: w.now, Reason: ca.ReasonSuperseded, By: "vera"})
	}))
	w.sweep()
	w.want(s, store.SignatureRevoked)
	if rev := w.certificate(s).Revocation; rev.RevocationDate.After(s.At.Add(-time.Second)) {
		t.Errorf("revoked from %s, signed at %s", rev.RevocationDate, s.At)
	}
	if i := w.incidents(); len(i) != 1 || i[0].State != store.IncidentRevoked || !slices.Contains(w.notices(), notify.SignatureRevoked) || w.filed["acme: failed bad"] != 1 {
		t.Errorf("%+v, told of %v, filed %v", i, w.notices(), w.filed)
	}
}

// A confirmed signature is not taken back without people.
func TestContradictedAfterwards(t *testing.T) {
	w := newWorld(t)
	s := w.sign("good")
	w.grant(s)
	w.poke()
	w.contradict(s)
	w.poke()
	w.poke()
	w.want(s, store.SignatureConfirmed)
	all := w.incidents()
	if len(all) != 1 || all[0].State != store.IncidentReported || !slices.Contains(w.notices(), notify.SignatureContradicted) {
		t.Fatalf("%+v", all)
	}
	i, err := w.r.Revoke(t.Context(), all[0].ID, officer("olga"), "it is another binary")
	must(t, err)
	w.want(s, store.SignatureRevoked)
	if i.State != store.IncidentRevoked || i.RevokedBy != "olga" {
		t.Errorf("%+v", i)
	}
}

func TestDryRun(t *testing.T) {
	w := newWorld(t)
	w.dryRun = true
	w.open()
	late, good, bad := w.sign("late"), w.sign("good"), w.sign("bad")
	w.contradict(bad)
	w.after(time.Hour)
	w.tick()
	w.tick()
	for _, s := range []store.Signature{late, good, bad} {
		w.want(s, store.SignatureProvisional)
	}
	all := w.incidents()
	if len(all) != 3 || all[0].State != store.IncidentDryRun || len(all[0].Steps) != 1 || len(w.filed) != 0 {
		t.Errorf("%+v", all)
	}
	if got := w.notices(); !slices.Equal(got, []string{notify.SignatureWouldRevoke, notify.SignatureWouldRevoke, notify.SignatureWouldRevoke}) {
		t.Errorf("told %v", got)
	}
	w.grant(good)
	w.poke()
	w.want(good, store.SignatureConfirmed)
	w.dryRun = false
	w.open()
	w.sweep()
	w.want(late, store.SignatureRevoked)
	w.want(bad, store.SignatureRevoked)
	w.want(good, store.SignatureConfirmed)
	if len(w.incidents()) != 3 {
		t.Error("incidents were opened again")
	}
}

// After so many within a time the next ones wait for an officer, and not for ever.
func TestStormBrake(t *testing.T) {
	w := newWorld(t)
	w.storm = Storm{Revocations: 2, Within: time.Hour, Wait: 3 * time.Hour}
	w.open()
	var all []store.Signature
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		all = append(all, w.sign(name))
	}
	w.after(time.Hour)
	w.tick()
	states := map[string]int{}
	for _, s := range all {
		states[w.signature(s).State]++
	}
	if states[store.SignatureRevoked] != 2 || states[store.SignatureHeld] != 4 {
		t.Fatalf("%v", states)
	}
	var held []store.Incident
	for _, i := range w.incidents() {
		if i.State == store.IncidentHeld {
			held = append(held, i)
		}
	}
	w.after(time.Minute)
	i, err := w.r.Revoke(t.Context(), held[0].ID, officer("olga"), "indeed")
	must(t, err)
	if i.State != store.IncidentRevoked || i.RevokedBy != "olga" {
		t.Errorf("%+v", i)
	}
	if i, err = w.r.Release(t.Context(), held[1].ID, officer("olga"), "let it go on"); err != nil || i.State != store.IncidentRevoked {
		t.Errorf("%+v %v", i, err)
	}
	w.judgements[held[2].Signature] = Judgement{Granted: true, Summary: []byte("passed"), Evidence: []string{digest}}
	w.poke()
	w.want(store.Signature{ID: held[2].Signature, Serial: held[2].Serial}, store.SignatureConfirmed)
	last := store.Signature{ID: held[3].Signature, Serial: held[3].Serial}
	w.tick()
	w.want(last, store.SignatureHeld)
	w.after(3 * time.Hour)
	w.tick()
	w.want(last, store.SignatureRevoked)
	if f := w.figures(); f != (Figures{Revoked: 4}) {
		t.Errorf("%+v", f)
	}
}

func TestStormBrakeForgets(t *testing.T) {
	w := newWorld(t)
	w.storm = Storm{Revocations: 1, Within: time.Hour, Wait: time.Hour}
	w.open()
	for _, name := range []string{"a", "b"} {
		s := w.sign(name)
		w.after(time.Hour + time.Second)
		w.tick()
		w.want(s, store.SignatureRevoked)
	}
}

func TestPokesAreBounded(t *testing.T) {
	w := newWorld(t)
	s := w.sign("good")
	w.grant(s)
	for i := range maxPoked + 10 {
		w.r.Poke("acme", string(rune('a'+i%26))+store.NewID(w.now))
	}
	if len(w.r.poked) > maxPoked {
		t.Errorf("%d remembered", len(w.r.poked))
	}
	w.poke()
	w.want(s, store.SignatureConfirmed)
}

func TestRun(t *testing.T) {
	w := newWorld(t)
	s := w.sign("good")
	ctx, cancel := context.WithCancel(t.Context())
	changed := make(chan struct{}, 10)
	w.r.c.Changed = func() { changed <- struct{}{} }
	done := make(chan struct{})
	w.grant(s)
	go func() {
		defer close(done)
		w.r.Run(ctx, time.Hour, func(err error) { t.Error(err) })
	}()
	<-changed // the first sweep
	cancel()
	<-done
	w.want(s, store.SignatureConfirmed)
}

func TestNewRefuses(t *testing.T) {
	good := newWorld(t).r.c
	for name, change := range map[string]func(*Config){
		"no store": func(c *Config) { c.Store = nil }, "no judge": func(c *Config) { c.Judge = nil }, "no CA": func(c *Config) { c.Certificates = nil },
		"no repository": func(c *Config) { c.Repository = nil }, "no clock": func(c *Config) { c.Now = nil },
		"brake at none": func(c *Config) { c.Storm.Revocations = 0 }, "brake too wide": func(c *Config) { c.Storm.Revocations = MaxStormRevocations + 1 },
		"brake of all below one's": func(c *Config) { c.Storm.All = c.Storm.Revocations - 1 }, "brake of all too wide": func(c *Config) { c.Storm.All = StormOfAll*MaxStormRevocations + 1 },
		"brake over no time": func(c *Config) { c.Storm.Within = 0 }, "brake waits for ever": func(c *Config) { c.Storm.Wait = MaxStormWait + 1 }, "brake does not wait": func(c *Config) { c.Storm.Wait = 0 },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
}
