package update_test

import (
	"context"
	"crypto"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/distribution"
	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/update"
)

// repository is a CA's update repository, made by package distribution in memory.
type repository struct {
	t     testing.TB
	pki   *pki.PKI
	root  crypto.Signer
	files files
	now   time.Time

	trust  func(*verify.Trust) // changes before they are published
	status func(*verify.Status)
	signer crypto.Signer // of the status bundle
	number uint64
}

// files is a Source.
type files map[string][]byte

func (f files) String() string { return "memory" }

func (f files) Get(_ context.Context, name string, most int64) ([]byte, error) {
	body, ok := f[name]
	switch {
	case !ok:
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	case int64(len(body)) > most:
		return nil, outbound.ErrTooLarge
	}
	return body, nil
}

// newest is the one file that begins with a number and ends so, of the highest number.
func (f files) newest(t testing.TB, suffix string) string {
	t.Helper()
	best, name := -1, ""
	for k := range f {
		var n int
		if _, err := fmt.Sscanf(k, "%d.", &n); err == nil && strings.HasSuffix(k, suffix) && n > best {
			best, name = n, k
		}
	}
	if name == "" {
		t.Fatal("no file", suffix)
	}
	return name
}

func newRepository(t testing.TB) *repository {
	p := pki.New(t)
	r := &repository{t: t, pki: p, root: pki.Key(t), files: files{}, now: p.Now, signer: p.StatusKey,
		trust: func(*verify.Trust) {}, status: func(*verify.Status) {}}
	r.publish()
	return r
}

func (r *repository) keys() distribution.Keys {
	return distribution.Keys{Online: r.pki.StatusKey, Root: func(context.Context) (crypto.Signer, error) { return r.root, nil }}
}

// publish makes a status bundle with the next number and brings the repository up to date.
func (r *repository) publish() {
	r.t.Helper()
	r.number++
	trust, status := r.pki.Trust(), r.pki.Status(r.t)
	status.Number, status.IssuedAt, status.NextUpdate = r.number, r.now, r.now.AddDate(0, 0, 6)
	r.trust(&trust)
	r.status(&status)
	rawTrust, err := trust.Marshal()
	if err != nil {
		r.t.Fatal(err)
	}
	rawStatus, err := status.Sign(context.Background(), r.signer)
	if err != nil {
		r.t.Fatal(err)
	}
	r.distribute(rawTrust, rawStatus)
}

func (r *repository) distribute(trust, status []byte) {
	r.t.Helper()
	have := func(name string) ([]byte, error) { return r.files[name], nil }
	step, err := distribution.Advance(context.Background(), have, r.keys(), distribution.Content{Trust: trust, Status: status}, r.now)
	if err != nil {
		r.t.Fatal(err)
	}
	r.files = maps.Clone(r.files)
	for _, f := range step.Files {
		r.files[f.Name] = f.Body
	}
}

// later is the same repository, news included, after some time.
func (r *repository) later(d time.Duration) *repository {
	r.t.Helper()
	r.now = r.now.Add(d)
	r.publish()
	return r
}

// machine is an installer's machine.
func machine(t testing.TB, now func() time.Time) update.Updater {
	dir := t.TempDir()
	return update.Updater{
		State: filepath.Join(dir, "tuf"), Trust: filepath.Join(dir, "etc", "trust.json"), Status: filepath.Join(dir, "status.json"), Now: now,
	}
}

// trusting is a machine that has just added the repository's CA.
func trusting(t testing.TB, r *repository) update.Updater {
	t.Helper()
	u := machine(t, func() time.Time { return r.now })
	if _, err := u.Add(context.Background(), r.files, false, yes); err != nil {
		t.Fatal(err)
	}
	return u
}

func yes(update.Candidate) error { return nil }

// held is what the machine judges with.
func held(t testing.TB, u update.Updater) (trust, status string) {
	t.Helper()
	for path, out := range map[string]*string{u.Trust: &trust, u.Status: &status} {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		*out = string(raw)
	}
	return trust, status
}

// everything lists what lies on the machine.
func everything(t testing.TB, u update.Updater) []string {
	t.Helper()
	var list []string
	root := filepath.Dir(u.Status)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, strings.TrimPrefix(path, root+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// rotate gives the repository a new root key, which the old one agrees to.
func (r *repository) rotate(to crypto.Signer) {
	r.t.Helper()
	ctx := context.Background()
	have := func(name string) ([]byte, error) { return r.files[name], nil }
	raw, err := distribution.NextRoot(have, distribution.Powers{Root: []crypto.PublicKey{to.Public()}, Targets: []crypto.PublicKey{to.Public()}, Threshold: 1}, r.now)
	if err != nil {
		r.t.Fatal(err)
	}
	if raw, err = distribution.Sign(ctx, raw, nil, to); err != nil {
		r.t.Fatal(err)
	}
	file, err := distribution.ImportRoot(ctx, have, r.keys(), raw)
	if err != nil {
		r.t.Fatal(err)
	}
	r.files = maps.Clone(r.files)
	r.files[file.Name] = file.Body
	r.root = to
}
