package update

import (
	"errors"

	"github.com/hallmark-pki/hallmark/durable"
)

// lock keeps other processes from updating. A process that dies gives it back.
func (u Updater) lock() (unlock func(), err error) {
	done, err := durable.TryLock(u.file("lock"), 0o600)
	if errors.Is(err, durable.ErrLocked) {
		return nil, refuse(Busy, "another update holds %s", u.file("lock"))
	}
	if err != nil {
		return nil, &Error{Disk, err}
	}
	return func() { done() }, nil
}
