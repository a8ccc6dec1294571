package install

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/verify"
)

// Gate judges what a package manager is about to unpack.
type Gate struct {
	// Judge is the verdict about a file's content; verify.Verifier.File.
	Judge func(ctx context.Context, path string) verify.Verdict
	// Owners may change the files that are judged; see CheckPath.
	Owners []uint32
	// OpenPGP asks another program about a package without our signature that carries an
	// OpenPGP one of its origin (debsig-verify(1)); nil if no such package is let pass.
	// Such a signature says who packed something, never how: no level, no revocation by
	// the CA. And anybody can take our signature out of a package.
	OpenPGP func(ctx context.Context, path string) error
	// EnforcesPackages: Policy.EnforcesPackages of the judge's policy. What dpkg finds in a
	// file without a name known here may be one of those packages.
	EnforcesPackages bool
}

// openPGPMember is the ar member with the OpenPGP signature of a package's origin.
const openPGPMember = "_gpgorigin"

// File judges one file, and where it lies.
func (g Gate) File(ctx context.Context, path string) verify.Verdict {
	// First where it lies: if that holds now, only an owner can change it from here on.
	where := CheckPath(path, g.Owners)
	v := g.Judge(ctx, path)
	names, err := format.Members(path)
	if err != nil && v.Outcome == verify.Valid {
		// A good signature on a file of another format says nothing about what dpkg finds
		// in it: it also takes packages of before 1995, which can have anything behind them.
		refuse(&v, verify.Reason{Code: verify.ContainerMalformed, Detail: err.Error()})
	}
	if where == nil && err == nil && len(v.Reasons) == 1 && v.Has(verify.Unsigned) && slices.Contains(names, openPGPMember) {
		g.askOthers(ctx, &v, path)
	}
	if g.EnforcesPackages && (v.Package == format.Package{}) {
		v.Warn = false
	}
	var r verify.Reason
	if errors.As(where, &r) && !v.Has(r.Code) {
		refuse(&v, r)
	}
	return v
}

// refuse adds a reason; the worst of them makes the outcome.
func refuse(v *verify.Verdict, r verify.Reason) {
	v.Reasons = append(v.Reasons, r)
	if v.Outcome == verify.Valid || r.Code.Outcome() == verify.NotValid {
		v.Outcome = r.Code.Outcome()
	}
}

// askOthers is for a package whose only fault is that it has no signature of ours.
func (g Gate) askOthers(ctx context.Context, v *verify.Verdict, path string) {
	if g.OpenPGP == nil {
		v.Reasons[0].Detail += "; it has an OpenPGP signature, which this machine does not take instead"
		return
	}
	if err := g.OpenPGP(ctx, path); err != nil {
		v.Reasons[0].Detail += fmt.Sprintf("; it has an OpenPGP signature, about which %v", err)
		return
	}
	v.Reasons, v.Outcome = nil, verify.Valid
	v.Notes = append(v.Notes, verify.Reason{Code: verify.NoteOpenPGP, Detail: "no signature of ours; debsig-verify takes its OpenPGP signature, which says nothing about levels"})
}

// Judged is a change with the verdict about its file.
type Judged struct {
	Change
	Verdict verify.Verdict
}

// Refused reports whether the package must not be unpacked: the verdict is not valid, and
// the policy's mode is not warn.
func (j Judged) Refused() bool { return j.Verdict.Outcome != verify.Valid && !j.Verdict.Warn }

// match compares what apt says that a file is with what the file says. A repository can
// serve an old package, with its good signature, as a new version; and a line that was
// written by somebody else than apt would be about another file.
func (j *Judged) match() {
	is := j.Verdict.Package
	said := format.Package{Name: j.Package, Version: j.New.Version, Architecture: j.New.Architecture}
	if (is != format.Package{}) && is != said {
		refuse(&j.Verdict, verify.Reason{Code: verify.PackageMismatch, Detail: fmt.Sprintf("apt takes it for %s %s %s, it is %s %s %s",
			said.Name, said.Version, said.Architecture, is.Name, is.Version, is.Architecture)})
	}
}

// Transaction judges all files that are to be unpacked, several at once, and returns them
// in apt's order. After each it calls done, one call at a time, with how many there have
// been; done may be nil.
func (g Gate) Transaction(ctx context.Context, t Transaction, done func(count int)) []Judged {
	changes := t.Unpacked()
	out := make([]Judged, len(changes))
	next := make(chan int, len(changes))
	for i := range changes {
		next <- i
	}
	close(next)
	var working sync.WaitGroup
	var counting sync.Mutex
	count := 0
	for range min(runtime.GOMAXPROCS(0), maxWorkers, len(changes)) {
		working.Go(func() {
			for i := range next {
				out[i] = Judged{changes[i], g.File(ctx, changes[i].File)}
				out[i].match()
				counting.Lock()
				if count++; done != nil {
					done(count)
				}
				counting.Unlock()
			}
		})
	}
	working.Wait()
	return out
}
