package ledger

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hallmark-pki/hallmark/durable"
)

// lockDir takes the directory for this Log. tessera would let two processes take
// turns, but each would answer from its own idea of the newest checkpoint, and two
// CAs on one log are an operator's mistake.
func lockDir(dir string) (unlock func() error, err error) {
	unlock, err = durable.TryLock(filepath.Join(dir, ".lock"), 0o644)
	if errors.Is(err, durable.ErrLocked) {
		err = fmt.Errorf("%w: %s", ErrLocked, dir)
	}
	return unlock, err
}
