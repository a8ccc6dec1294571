package monitor

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// signed is a verified checkpoint with the bytes that were signed. The state file is
// those bytes and nothing else: whoever is shown it can verify it.
type signed struct {
	raw []byte
	receipt.Checkpoint
}

// isFirst says that nothing was seen before.
func (s signed) isFirst() bool { return s.raw == nil }

// parseState reads a state file's content. It verifies the signature, so that a
// damaged file cannot pass for a smaller log, or another log's for this one's.
func parseState(raw []byte, key note.Verifier) (signed, error) {
	if len(raw) > maxCheckpoint {
		return signed{}, fmt.Errorf("more than %d bytes", maxCheckpoint)
	}
	cp, err := receipt.ParseCheckpoint(raw, key)
	if err != nil {
		return signed{}, err
	}
	return signed{raw: raw, Checkpoint: cp}, nil
}

// readState returns the empty tree when there is no file. An empty file is refused: it
// is not the same as none.
func readState(path string, key note.Verifier) (signed, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return signed{Checkpoint: receipt.Checkpoint{Origin: key.Name(), Hash: rfc6962.DefaultHasher.EmptyRoot()}}, nil
	}
	if err != nil {
		return signed{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxCheckpoint+1))
	if err != nil {
		return signed{}, fmt.Errorf("%w: %w", ErrState, err)
	}
	s, err := parseState(raw, key)
	if err != nil {
		return signed{}, fmt.Errorf("%w %s: %w", ErrState, path, err)
	}
	return s, nil
}

// stateMode: a checkpoint is public, and others compare theirs with it.
const stateMode = 0o644

// writeState replaces the file: a crash leaves the old content or the new.
func writeState(path string, s signed) error {
	if err := durable.WriteFile(path, s.raw, stateMode); err != nil {
		return fmt.Errorf("%w: %w", ErrState, err)
	}
	return nil
}
