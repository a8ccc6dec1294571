package command

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hallmark-pki/hallmark/verify"
)

// TestReadIsBounded: all that the parsers take is read, and of more so much that they refuse it.
func TestReadIsBounded(t *testing.T) {
	for _, c := range []struct{ size, want int64 }{
		{17 << 20, 17 << 20}, {verify.MaxStatusBytes, verify.MaxStatusBytes}, {verify.MaxStatusBytes + 1, verify.MaxStatusBytes + 1},
		{2 * verify.MaxStatusBytes, verify.MaxStatusBytes + 1},
	} {
		path := filepath.Join(t.TempDir(), "status.json")
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, c.size); err != nil { // takes no space
			t.Fatal(err)
		}
		raw, err := read(path, DefaultStatus)
		if err != nil || int64(len(raw)) != c.want {
			t.Errorf("of %d bytes %d were read, want %d: %v", c.size, len(raw), c.want, err)
		}
	}
}
