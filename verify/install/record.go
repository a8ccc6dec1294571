package install

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/installed"
)

// recentRecord is how old a record may be that is not written again: apt's hook writes
// one, and dpkg's asks about the same package before apt's transaction has ended. A guess.
const recentRecord = time.Hour

// Recorder keeps the signatures of what is let in, for hallmark-verify scan.
type Recorder struct {
	Dir    string           // installed.DefaultDir
	Policy [32]byte         // SHA-256 of the policy file; zero for the built-in one
	Now    func() time.Time // the clock
}

// errNameless is returned for a package that is valid and does not say which one it is in
// a form that is read here: it would be on the machine, and in no answer about it.
var errNameless = errors.New("its name cannot be read, so there is nothing to record it under")

// Record leaves a record of a Debian package that is about to be unpacked. When it returns
// nil the record is on disk; or there is nothing to record, because the file is not valid
// and could not be read far enough to say what it is.
func (r Recorder) Record(v verify.Verdict) error {
	if (v.Package == format.Package{}) || v.Digest == "" {
		if v.Outcome == verify.Valid {
			return fmt.Errorf("record of %s: %w", v.File, errNameless)
		}
		return nil
	}
	return r.RecordAs(installed.Package{Manager: installed.Dpkg, Name: v.Package.Name, Version: v.Package.Version, Architecture: v.Package.Architecture}, v)
}

// RecordAs is Record for any package manager; p is what the package says that it is.
func (r Recorder) RecordAs(p installed.Package, v verify.Verdict) error {
	record, err := installed.FromVerdict(p, v, r.Policy, r.Now())
	if err != nil {
		return err
	}
	history, err := installed.Read(os.DirFS(r.Dir), p)
	if err == nil && same(history.Records[0], record) {
		return nil
	}
	if err != nil && errors.Is(err, fs.ErrPermission) {
		return err
	}
	return installed.Write(r.Dir, record)
}

// same reports whether a record says what another one would, and is recent.
func same(old, now installed.Record) bool {
	age := now.At.Sub(old.At)
	return old.Version == now.Version && old.Digest == now.Digest && bytes.Equal(old.Signature, now.Signature) &&
		old.Verdict == now.Verdict && old.Policy == now.Policy && age >= 0 && age < recentRecord
}
