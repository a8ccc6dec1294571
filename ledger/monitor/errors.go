package monitor

import (
	"errors"
	"fmt"
)

// Errors of Check that say nothing about the log's history: asking again later may
// help. None of them changes the state.
var (
	// ErrUnreachable: no answer, or none in time, or not the file that was asked for.
	ErrUnreachable = errors.New("log cannot be read")
	// ErrForeign: the checkpoint is not signed by the log's key for the log's origin.
	ErrForeign = errors.New("checkpoint is not the log's")
	// ErrNotCosigned: the log signed it, and too few of the witnesses asked for did.
	ErrNotCosigned = errors.New("checkpoint is not cosigned")
	// ErrUnproven: the tiles or entries served do not lead to the root that the log
	// signed. Damage on the way looks like this, and so does a log that hides.
	ErrUnproven = errors.New("what the log serves does not lead to the root it signed")
)

// ErrState: the state file cannot be read, is not a checkpoint of this log, or cannot
// be written.
var ErrState = errors.New("state file")

// Kind says how two checkpoints contradict each other.
type Kind string

const (
	// RolledBack: the log has fewer entries than it had. An old copy was restored, or
	// a cache serves one.
	RolledBack Kind = "rolled-back"
	// Forked: the log's entries of before are not the ones of now. It shows two
	// histories, or an old copy was restored and entries were appended to it.
	Forked Kind = "forked"
)

// Conflict is the error for two checkpoints, both signed by the log, of which the
// later cannot follow the earlier. Both are whole and signed, to be shown to others.
type Conflict struct {
	Kind                 Kind
	Seen, Served         []byte // checkpoints, signed notes
	SeenSize, ServedSize uint64
	// Proof is given where a fork is of two sizes, and then is checkable by anyone:
	// the hashes of the subtrees that make up the served tree, first those of its
	// first SeenSize entries, then the rest, each part from left to right
	// (RFC 6962 §2.1). All of them lead to the served root; the first part does not
	// lead to the seen one.
	Proof [][]byte
}

func (c *Conflict) Error() string {
	if c.Kind == RolledBack {
		return fmt.Sprintf("log rolled back: it signs %d entries and has signed %d", c.ServedSize, c.SeenSize)
	}
	return fmt.Sprintf("log forked: its %d entries do not contain the %d that it has signed", c.ServedSize, c.SeenSize)
}
