package repository

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/hallmark-pki/hallmark/attest"
)

// ReadFile reads a file of the layout from anywhere, at most MaxFile bytes.
// Errors: fs.ErrNotExist, ErrCorrupt.
func ReadFile(path string) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read attestations: %w", err)
	}
	defer f.Close()
	return readFrom(f)
}

func readFrom(f *os.File) ([][]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read attestations: %w", err)
	}
	return ParseLines(raw)
}

// ParseLines splits JSON Lines into envelopes: at most MaxFile bytes and
// MaxEnvelopes lines, each an envelope that attest.ParseEnvelope reads. The last
// line may lack its line feed, as editors and concatenation leave it; empty lines
// are refused, and so is a carriage return, which would make the line another one
// than the writer hashed. The result shares memory with raw. Error: ErrCorrupt.
func ParseLines(raw []byte) ([][]byte, error) {
	if len(raw) > MaxFile {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrCorrupt, MaxFile)
	}
	raw = bytes.TrimSuffix(raw, []byte("\n"))
	if len(raw) == 0 {
		return nil, nil
	}
	if n := bytes.Count(raw, []byte("\n")) + 1; n > MaxEnvelopes {
		return nil, fmt.Errorf("%w: %d lines, at most %d", ErrCorrupt, n, MaxEnvelopes)
	}
	lines := bytes.Split(raw, []byte("\n"))
	for i, l := range lines {
		if bytes.ContainsRune(l, '\r') {
			return nil, fmt.Errorf("%w: line %d: carriage return", ErrCorrupt, i+1)
		}
		if _, err := attest.ParseEnvelope(l); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrCorrupt, i+1, err)
		}
	}
	return lines, nil
}

// SplitLines splits what somebody else serves into lines, at most MaxEnvelopes of them,
// and judges none; see CheckLine. It forgives empty lines, and carriage returns at the
// end of one. The result shares memory with raw.
func SplitLines(raw []byte) [][]byte {
	var lines [][]byte
	for line := range bytes.Lines(raw) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			continue
		}
		if len(lines) == MaxEnvelopes {
			break
		}
		lines = append(lines, line)
	}
	return lines
}
