package update

import (
	"errors"
	"os"
	"syscall"
)

// lock keeps other processes from updating. A process that dies gives it back.
func (u Updater) lock() (unlock func(), err error) {
	f, err := os.OpenFile(u.file("lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, &Error{Disk, err}
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, refuse(Busy, "another update holds %s", f.Name())
		}
		return nil, &Error{Disk, err}
	}
	return func() { f.Close() }, nil
}
