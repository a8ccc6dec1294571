package format_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/test/pki"
)

// TestMembers: a package's members by name; what is no package in the present format, or
// breaks off, has none.
func TestMembers(t *testing.T) {
	whole := pki.Deb([]byte("payload"))
	for name, c := range map[string]struct {
		content []byte
		want    []string
		reason  format.Reason
	}{
		"a package":           {content: whole, want: []string{"debian-binary", "control.tar", "data.tar"}},
		"nothing":             {reason: format.UnknownFormat},
		"the format of 1994":  {content: append([]byte("0.939000\n7\n"), make([]byte, 200)...), reason: format.UnknownFormat},
		"another first":       {content: append([]byte("!<arch>\ncontrol.tar   "), whole[21:]...), reason: format.UnknownFormat},
		"cut off":             {content: whole[:len(whole)-2], reason: format.Truncated},
		"something behind it": {content: append(slices.Clone(whole), 'x'), reason: format.TrailingBytes},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := format.Members(path)
		if !slices.Equal(got, c.want) || (err == nil) != (c.reason == "") || err != nil && !errors.Is(err, &format.Error{Reason: c.reason}) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
