package update_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/distribution"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/update"
)

func TestUpdate(t *testing.T) {
	ctx := context.Background()
	r := newRepository(t)
	u := trusting(t, r)
	trust, first := held(t, u)
	want := []string{"etc/trust.json", "status.json", "tuf/lock", "tuf/root.json", "tuf/snapshot.json", "tuf/source.json", "tuf/status.json", "tuf/targets.json", "tuf/timestamp.json"}
	if got := everything(t, u); !slices.Equal(got, want) {
		t.Errorf("on disk: %q", got)
	}
	got, err := u.Update(ctx, r.files)
	if err != nil || got.TrustChanged || got.StatusChanged {
		t.Errorf("nothing new: %+v %v", got, err)
	}
	r.later(time.Hour)
	got, err = u.Update(ctx, r.files)
	if err != nil || got.TrustChanged || !got.StatusChanged || got.StatusNumber != 2 || got.RootVersion != 1 || !got.NextUpdate.Equal(r.now.AddDate(0, 0, 6)) {
		t.Errorf("a newer status: %+v %v", got, err)
	}
	if sameTrust, second := held(t, u); sameTrust != trust || second == first {
		t.Error("the files are not what was reported")
	}
	r.trust = func(t *verify.Trust) { t.Name = "Renamed" }
	r.later(time.Hour)
	if got, err = u.Update(ctx, r.files); err != nil || !got.TrustChanged {
		t.Errorf("a newer trust bundle: %+v %v", got, err)
	}
	// What somebody removed or changed comes back.
	if err := errors.Join(os.Remove(u.Trust), os.WriteFile(u.Status, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if got, err = u.Update(ctx, r.files); err != nil || !got.TrustChanged || !got.StatusChanged {
		t.Errorf("repaired: %+v %v", got, err)
	}
}

// TestRootChanges: a root that the old one has signed is followed, several at once too.
func TestRootChanges(t *testing.T) {
	ctx := context.Background()
	r := newRepository(t)
	u := trusting(t, r)
	r.rotate(pki.Key(t))
	r.rotate(pki.Key(t))
	r.later(time.Hour)
	got, err := u.Update(ctx, r.files)
	if err != nil || got.RootVersion != 3 || got.RootFingerprint != distribution.Fingerprint(r.files["3.root.json"]) {
		t.Fatalf("%+v %v", got, err)
	}
	// A machine that knows the first fingerprint from a letter still gets there.
	late := machine(t, func() time.Time { return r.now })
	_, err = late.Add(ctx, r.files, false, func(c update.Candidate) error {
		if c.Version != 3 || !c.Matches(distribution.Fingerprint(r.files["1.root.json"])) || !c.Matches(strings.ToUpper(c.Fingerprint[:2]+":"+c.Fingerprint[2:])) || c.Matches("") || c.Matches(c.Fingerprint[:63]) {
			t.Errorf("%+v", c)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if _, err := late.Update(ctx, r.files); err != nil {
		t.Error(err)
	}
}

// broken is a repository with one thing wrong, and what a machine that trusts the good
// one says. Nothing that it judges with may change.
type broken struct {
	name string
	want update.Reason
	do   func(t *testing.T, r *repository) files
}

// edit publishes news and changes one file of it.
func edit(suffix string, change func([]byte) []byte) func(*testing.T, *repository) files {
	return func(t *testing.T, r *repository) files {
		r.later(time.Hour)
		name := suffix
		if r.files[name] == nil {
			name = r.files.newest(t, suffix)
		}
		out := maps.Clone(r.files)
		out[name] = change(bytes.Clone(out[name]))
		return out
	}
}

// editStatus is edit for the newest status bundle.
func editStatus(change func(old, now []byte) []byte) func(*testing.T, *repository) files {
	return func(t *testing.T, r *repository) files {
		before := maps.Clone(r.files)
		r.later(time.Hour)
		out := maps.Clone(r.files)
		var old []byte
		for name, body := range before {
			if strings.HasSuffix(name, ".status.json") && strings.HasPrefix(name, "targets/") {
				old = body
			}
		}
		for name, body := range out {
			if strings.HasSuffix(name, ".status.json") && strings.HasPrefix(name, "targets/") && before[name] == nil {
				out[name] = change(old, bytes.Clone(body))
			}
		}
		return out
	}
}

// oldUnderNew puts the file before the newest in its place. Signatures differ in length
// by a byte or two; a file that is longer than stated is another case.
func oldUnderNew(t *testing.T, r *repository, suffix string) files {
	for {
		old := r.files[r.files.newest(t, suffix)]
		r.later(time.Hour)
		name := r.files.newest(t, suffix)
		if len(old) > len(r.files[name]) {
			continue
		}
		out := maps.Clone(r.files)
		out[name] = old
		return out
	}
}

func flip(b []byte) []byte { b[len(b)/2] ^= 1; return b }

func brokenRepositories() []broken {
	other := func(t *testing.T, r *repository) files { return newRepository(t).files }
	return []broken{
		{"rolled back to yesterday", update.Rollback, func(t *testing.T, r *repository) files {
			old := maps.Clone(r.files)
			seen[t.Name()](r.later(24 * time.Hour).files)
			return old
		}},
		{"status bundle with a lower number", update.Rollback, func(t *testing.T, r *repository) files {
			seen[t.Name()](r.later(time.Hour).files)
			r.status = func(s *verify.Status) { s.Number = 1 }
			r.later(time.Hour)
			return r.files
		}},
		{"frozen: nothing new for four days", update.Expired, func(_ *testing.T, r *repository) files {
			r.now = r.now.Add(4 * 24 * time.Hour)
			return r.files
		}},
		{"root over", update.Expired, func(_ *testing.T, r *repository) files {
			r.now = r.now.AddDate(3, 0, 0)
			return r.files
		}},
		{"another CA's", update.BadSignature, other},
		{"another CA's timestamp", update.BadSignature, func(t *testing.T, r *repository) files {
			o := newRepository(t).later(time.Hour)
			r.later(time.Hour)
			out := maps.Clone(r.files)
			out["timestamp.json"] = o.files["timestamp.json"]
			return out
		}},
		{"root that the old one did not sign", update.BadSignature, func(t *testing.T, r *repository) files {
			o := newRepository(t)
			o.rotate(pki.Key(t))
			out := maps.Clone(r.files)
			out["2.root.json"] = o.files["2.root.json"]
			return out
		}},
		{"root of a later version under the next name", update.Rollback, func(t *testing.T, r *repository) files {
			r.rotate(r.root)
			r.rotate(r.root)
			out := maps.Clone(r.files)
			out["2.root.json"] = out["3.root.json"]
			return out
		}},
		{"timestamp changed", update.BadSignature, edit("timestamp.json", func(b []byte) []byte {
			return bytes.Replace(b, []byte(`"version":1`), []byte(`"version":2`), 1)
		})},
		{"timestamp is none", update.Malformed, edit("timestamp.json", func([]byte) []byte { return []byte("{}") })},
		{"timestamp is a snapshot", update.Malformed, func(t *testing.T, r *repository) files {
			r.later(time.Hour)
			out := maps.Clone(r.files)
			out["timestamp.json"] = out[r.files.newest(t, ".snapshot.json")]
			return out
		}},
		{"mix and match: the old snapshot under the new name", update.Mismatch, func(t *testing.T, r *repository) files {
			return oldUnderNew(t, r, ".snapshot.json")
		}},
		{"mix and match: the old list under the new name", update.Mismatch, func(t *testing.T, r *repository) files {
			return oldUnderNew(t, r, ".status.json")
		}},
		{"mix and match: the old status bundle under the new name", update.Mismatch, func(t *testing.T, r *repository) files {
			r.status = func(s *verify.Status) { s.Checkpoint = []byte("so that the new one is longer\n") }
			return editStatus(func(old, _ []byte) []byte { return old })(t, r)
		}},
		{"snapshot changed", update.Mismatch, edit(".snapshot.json", flip)},
		{"status bundle changed", update.Mismatch, editStatus(func(_, now []byte) []byte { return flip(now) })},
		{"status bundle cut off", update.Mismatch, editStatus(func(_, now []byte) []byte { return now[:len(now)-1] })},
		{"status bundle larger than stated", update.TooLarge, editStatus(func(_, now []byte) []byte { return append(now, '\n') })},
		{"snapshot larger than stated", update.TooLarge, edit(".snapshot.json", func(b []byte) []byte { return append(b, '\n') })},
		{"timestamp larger than any", update.TooLarge, edit("timestamp.json", func(b []byte) []byte { return append(b, bytes.Repeat([]byte(" "), 64<<10)...) })},
		{"no timestamp", update.Absent, func(_ *testing.T, r *repository) files {
			out := maps.Clone(r.files)
			delete(out, "timestamp.json")
			return out
		}},
		{"no snapshot", update.Absent, func(t *testing.T, r *repository) files {
			r.later(time.Hour)
			out := maps.Clone(r.files)
			delete(out, r.files.newest(t, ".snapshot.json"))
			return out
		}},
		{"status bundle that another CA signed", update.BadStatus, func(t *testing.T, r *repository) files {
			r.signer = pki.Key(t)
			return r.later(time.Hour).files
		}},
		{"status bundle by a key whose time is over", update.BadStatus, func(_ *testing.T, r *repository) files {
			r.trust = func(t *verify.Trust) { t.StatusKeys[0].NotAfter = r.now.Add(-time.Hour) }
			return r.later(time.Hour).files
		}},
		{"trust bundle that is none", update.Malformed, func(_ *testing.T, r *repository) files {
			r.now = r.now.Add(time.Hour)
			r.distribute([]byte("{}"), []byte("x"))
			return r.files
		}},
	}
}

// seen lets a case show the machine what it has seen before the case's own files.
var seen = map[string]func(files){}

func TestBrokenRepositories(t *testing.T) {
	for _, c := range brokenRepositories() {
		t.Run(c.name, func(t *testing.T) {
			r := newRepository(t)
			u := trusting(t, r)
			seen[t.Name()] = func(f files) {
				if _, err := u.Update(context.Background(), f); err != nil {
					t.Fatal(err)
				}
			}
			src := c.do(t, r)
			trust, status := held(t, u)
			_, err := u.Update(context.Background(), src)
			var e *update.Error
			if !errors.As(err, &e) || e.Reason != c.want {
				t.Fatalf("%v, want %s", err, c.want)
			}
			if nowTrust, nowStatus := held(t, u); nowTrust != trust || nowStatus != status {
				t.Error("the bundles have changed")
			}
		})
	}
}

// TestAddRefuses: without a match nothing is written.
func TestAddRefuses(t *testing.T) {
	ctx := context.Background()
	r := newRepository(t)
	no := func(update.Candidate) error { return errors.New("another one") }
	for name, c := range map[string]struct {
		src     update.Source
		confirm func(update.Candidate) error
		want    update.Reason
	}{
		"not confirmed":       {r.files, no, update.NotConfirmed},
		"no repository":       {files{}, yes, update.Absent},
		"no such folder":      {update.Folder(filepath.Join(t.TempDir(), "none")), yes, update.Unreachable},
		"root is none":        {files{"1.root.json": []byte("{}")}, yes, update.Malformed},
		"root not its own":    {files{"1.root.json": bytes.Replace(r.files["1.root.json"], []byte(`"version":1`), []byte(`"version":7`), 1)}, yes, update.BadSignature},
		"nothing but a root":  {files{"1.root.json": r.files["1.root.json"]}, yes, update.Absent},
		"second root another": {files{"1.root.json": r.files["1.root.json"], "2.root.json": newRepository(t).files["1.root.json"]}, yes, update.BadSignature},
	} {
		u := machine(t, func() time.Time { return r.now })
		_, err := u.Add(ctx, c.src, false, c.confirm)
		var e *update.Error
		if !errors.As(err, &e) || e.Reason != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		if left := everything(t, u); len(left) > 0 {
			t.Errorf("%s: wrote %q", name, left)
		}
		_, err = u.Update(ctx, r.files)
		if !errors.As(err, &e) || e.Reason != update.NoTrust {
			t.Errorf("%s: updated without a root: %v", name, err)
		}
	}
}

// TestAddTwice: another CA takes the place of the first only when told to.
func TestAddTwice(t *testing.T) {
	ctx := context.Background()
	r, other := newRepository(t), newRepository(t)
	for range 5 {
		r.later(time.Hour) // its numbers are higher than the other's
	}
	u := trusting(t, r)
	_, err := u.Add(ctx, other.files, false, yes)
	var e *update.Error
	if !errors.As(err, &e) || e.Reason != update.AlreadyTrusted {
		t.Error(err)
	}
	if _, err := u.Add(ctx, other.files, true, func(update.Candidate) error { return errors.New("no") }); err == nil {
		t.Error("replaced though it was refused")
	}
	if _, err := u.Update(ctx, r.files); err != nil {
		t.Error("the first is not trusted any more:", err)
	}
	if _, err := u.Add(ctx, other.files, true, yes); err != nil {
		t.Error(err)
	}
	if _, err := u.Update(ctx, other.files); err != nil {
		t.Error(err)
	}
}

// TestAddAgain: to add the same CA anew is no way back to an older state of it.
func TestAddAgain(t *testing.T) {
	ctx := context.Background()
	r := newRepository(t)
	stale := r.files
	r.later(time.Hour)
	u := trusting(t, r)
	trust, status := held(t, u)
	_, err := u.Add(ctx, stale, true, yes)
	var e *update.Error
	if !errors.As(err, &e) || e.Reason != update.Rollback {
		t.Error(err)
	}
	if nowTrust, nowStatus := held(t, u); nowTrust != trust || nowStatus != status {
		t.Error("the bundles changed")
	}
	if _, err := u.Add(ctx, r.files, true, yes); err != nil {
		t.Error("the same state:", err)
	}
}

// TestAddAgainByAnOlderRoot: whoever has a root key that was replaced since, and makes news
// with it that are newer than what the machine has, does not get it back under that root by
// the fingerprint that was told then; another CA's first root is no older one.
func TestAddAgainByAnOlderRoot(t *testing.T) {
	ctx := context.Background()
	r := newRepository(t)
	thief := *r
	u := trusting(t, r)
	first := sha256.Sum256(r.files["1.root.json"])
	r.rotate(pki.Key(t))
	r.later(3 * time.Hour)
	if got, err := u.Update(ctx, r.files); err != nil || got.RootVersion != 2 {
		t.Fatal(got, err)
	}
	thief.signer = r.signer
	thief.number = r.number + 10
	thief.later(2 * time.Hour)
	trust, status := held(t, u)
	told := func(c update.Candidate) error {
		if !c.Matches(hex.EncodeToString(first[:])) {
			t.Error("the fingerprint does not match")
		}
		return nil
	}
	_, err := u.Add(ctx, thief.files, true, told)
	var e *update.Error
	if !errors.As(err, &e) || e.Reason != update.Rollback {
		t.Error(err)
	}
	if nowTrust, nowStatus := held(t, u); nowTrust != trust || nowStatus != status {
		t.Error("the bundles changed")
	}
	if _, err := u.Add(ctx, r.files, true, told); err != nil {
		t.Error("the same root:", err)
	}
	if got, err := u.Add(ctx, newRepository(t).files, true, yes); err != nil || got.RootVersion != 1 {
		t.Error("another CA's:", got, err)
	}
}

// TestDisk: what stops in the middle is finished the next time.
func TestDisk(t *testing.T) {
	ctx := context.Background()
	r := newRepository(t)
	u := trusting(t, r)
	r.trust = func(t *verify.Trust) { t.Name = "Renamed" }
	r.later(time.Hour)
	stuck := u
	stuck.Status = filepath.Join(t.TempDir(), "full") // a folder in the place of the file
	if err := os.MkdirAll(filepath.Join(stuck.Status, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := stuck.Update(ctx, r.files)
	var e *update.Error
	if !errors.As(err, &e) || e.Reason != update.Disk {
		t.Fatal(err)
	}
	got, err := u.Update(ctx, r.files)
	if err != nil || !got.StatusChanged || got.StatusNumber != 2 {
		t.Errorf("%+v %v", got, err)
	}
}

// TestKeepsWhatItLearned: an update that fails late still remembers the newer timestamp.
func TestKeepsWhatItLearned(t *testing.T) {
	ctx := context.Background()
	r := newRepository(t)
	u := trusting(t, r)
	old := maps.Clone(r.files)
	r.later(time.Hour)
	cut := maps.Clone(r.files)
	delete(cut, r.files.newest(t, ".snapshot.json"))
	var e *update.Error
	if _, err := u.Update(ctx, cut); !errors.As(err, &e) || e.Reason != update.Absent {
		t.Fatal(err)
	}
	if _, err := u.Update(ctx, old); !errors.As(err, &e) || e.Reason != update.Rollback {
		t.Error("what is older was taken:", err)
	}
	if _, err := u.Update(ctx, r.files); err != nil {
		t.Error(err)
	}
}

func TestBusy(t *testing.T) {
	r := newRepository(t)
	u := trusting(t, r)
	waiting, done := make(chan struct{}), make(chan error)
	release := make(chan struct{})
	go func() {
		_, err := u.Update(context.Background(), slow{r.files, waiting, release})
		done <- err
	}()
	<-waiting
	_, err := u.Update(context.Background(), r.files)
	var e *update.Error
	if !errors.As(err, &e) || e.Reason != update.Busy {
		t.Error(err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

type slow struct {
	files
	waiting chan<- struct{}
	release <-chan struct{}
}

func (s slow) Get(ctx context.Context, name string, most int64) ([]byte, error) {
	if name == "timestamp.json" {
		s.waiting <- struct{}{}
		<-s.release
	}
	return s.files.Get(ctx, name, most)
}
