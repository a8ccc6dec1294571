package ca

import (
	"bytes"
	"errors"
	"path/filepath"

	"github.com/hallmark-pki/hallmark/durable"
)

var (
	// ErrSiteBusy is returned where another process changes the hierarchy at this moment.
	ErrSiteBusy = errors.New("another process is changing the hierarchy")
	// ErrSiteChanged is returned where the hierarchy is not the one that was opened: two
	// people at once, and what the other one did must not be undone.
	ErrSiteChanged = errors.New("the hierarchy was changed after it was opened: open it again")
)

// siteLock is the file that says that somebody changes the hierarchy.
const siteLock = ".lock"

// lockSite takes a hierarchy's directory for a change, or returns ErrSiteBusy.
func lockSite(dir string) (unlock func() error, err error) {
	unlock, err = durable.TryLock(filepath.Join(dir, siteLock), 0o600)
	if errors.Is(err, durable.ErrLocked) {
		err = ErrSiteBusy
	}
	return unlock, err
}

// locked runs a change with the directory locked, on the hierarchy that was opened and no
// other: a key of a name that another process has given out meanwhile would take the
// place of that one's, which is in no second place. Errors: ErrSiteBusy, ErrSiteChanged.
func (s *Site) locked(change func() error) (err error) {
	unlock, err := lockSite(s.cfg.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if err := sameManifest(s.cfg.Dir, s.manifest); err != nil {
		return err
	}
	return change()
}

// sameManifest returns ErrSiteChanged if hierarchy.json is not m.
func sameManifest(dir string, m manifest) error {
	now, err := readManifest(dir)
	if err != nil {
		return err
	}
	have, err := now.marshal()
	if err != nil {
		return err
	}
	want, err := m.marshal()
	if err != nil {
		return err
	}
	if !bytes.Equal(have, want) {
		return ErrSiteChanged
	}
	return nil
}

// changed is locked for what returns a Change.
func (s *Site) changed(change func() (Change, error)) (done Change, err error) {
	err = s.locked(func() (err error) {
		done, err = change()
		return err
	})
	if err != nil {
		return Change{}, err
	}
	return done, nil
}
