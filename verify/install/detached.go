package install

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/verify"
)

// Kind is a form of package whose signature stands beside it, in FILE.p7s.
type Kind struct {
	name string
	is   func(head []byte) bool
}

// KindRPM is what rpm reads.
func KindRPM() Kind {
	return Kind{"an RPM package", func(head []byte) bool { return bytes.HasPrefix(head, []byte{0xed, 0xab, 0xee, 0xdb}) }}
}

// KindPacman is what makepkg makes unless told otherwise, and what PacmanPackage can read:
// a tar archive, packed with zstd or gzip or not at all. pacman's library would unpack
// other archives too, such as a signed JAR.
func KindPacman() Kind {
	magic := [][]byte{{0x28, 0xb5, 0x2f, 0xfd}, {0x1f, 0x8b}}
	return Kind{"a package of pacman's", func(head []byte) bool {
		for _, m := range magic {
			if bytes.HasPrefix(head, m) {
				return true
			}
		}
		return len(head) >= 262 && string(head[257:262]) == "ustar"
	}}
}

// Detached judges one file whose signature stands beside it, and where it lies. The
// signature must be over all of its bytes: a file that is taken for one of the formats
// that carry their signature inside is refused, whatever that signature says.
func (g Gate) Detached(ctx context.Context, kind Kind, path string) verify.Verdict {
	where := CheckPath(path, g.Owners)
	v := g.Judge(ctx, path)
	if v.Outcome == verify.Valid {
		if err := checkKind(kind, path); err != nil {
			refuse(&v, verify.Reason{Code: verify.ContainerMalformed, Detail: err.Error()})
		}
	}
	var r verify.Reason
	if errors.As(where, &r) && !v.Has(r.Code) {
		refuse(&v, r)
	}
	return v
}

func checkKind(kind Kind, path string) error {
	f, err := format.Detect(format.Files(), path)
	if err != nil {
		return err
	}
	if f.Kind() != format.Detached {
		return fmt.Errorf("a file of the format %s, not %s", f.Kind(), kind.name)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if !kind.is(head[:n]) {
		return fmt.Errorf("not %s", kind.name)
	}
	return nil
}

// ParseFiles reads the names of files, absolute, each with a NUL behind it.
func ParseFiles(r io.Reader) ([]string, error) {
	in := bufio.NewReaderSize(io.LimitReader(r, maxTransactionBytes), maxPathBytes+1)
	var out []string
	for {
		raw, err := in.ReadSlice(0)
		switch {
		case errors.Is(err, io.EOF) && len(raw) == 0 && len(out) > 0:
			return out, nil
		case err != nil:
			return nil, fmt.Errorf("file %d: %w", len(out)+1, cut(err))
		case len(out) == maxDetached:
			return nil, fmt.Errorf("more than %d files", maxDetached)
		}
		name := string(raw[:len(raw)-1])
		if !filepath.IsAbs(name) {
			return nil, fmt.Errorf("file %d: %.80q is not an absolute path", len(out)+1, name)
		}
		out = append(out, name)
	}
}

// cut says what an end in the middle is.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
