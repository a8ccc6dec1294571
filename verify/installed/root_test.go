package installed_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-pki/hallmark/verify/installed"
)

// TestRecordsOfRoot: below another root folder records are read from that folder alone,
// wherever links in it point.
func TestRecordsOfRoot(t *testing.T) {
	outside := t.TempDir()
	write(t, outside, record("1.0", 1))
	place := func(t *testing.T, link string, to string) string {
		root := t.TempDir()
		path := filepath.Join(root, link)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if to != "" {
			if err := os.Symlink(to, path); err != nil {
				t.Fatal(err)
			}
		}
		return root
	}
	records := func(root string) (installed.History, error) {
		dir, done, err := installed.Records(root, installed.DefaultDir)
		if err != nil {
			return installed.History{}, err
		}
		defer done()
		return installed.Read(dir, hello("1.0"))
	}
	const folder, file = "var/lib/hallmark/installed", "var/lib/hallmark/installed/dpkg:hello:amd64.json"
	for name, root := range map[string]string{
		"folder outside":    place(t, folder, outside),
		"upwards":           place(t, folder, "../../../../../../../../.."+outside),
		"file outside":      place(t, file, filepath.Join(outside, "dpkg:hello:amd64.json")),
		"file, endless":     place(t, file, "/dev/zero"),
		"file, upwards":     place(t, file, "../../../../../../../../../.."+outside+"/dpkg:hello:amd64.json"),
		"no such root":      filepath.Join(t.TempDir(), "absent"),
		"a file for a root": filepath.Join(outside, "dpkg:hello:amd64.json"),
	} {
		if h, err := records(root); err == nil || len(h.Records) != 0 || errors.Is(err, fs.ErrNotExist) && !strings.Contains(name, "root") {
			t.Errorf("%s: %v, %v", name, h, err)
		}
	}
	if _, err := records(place(t, "var/lib/other", "")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("no folder:", err)
	}
	root := place(t, folder, "../real")
	write(t, filepath.Join(root, "var/lib/real"), record("1.0", 1))
	if h, err := records(root); err != nil || len(h.Records) != 1 {
		t.Error("a link that stays inside:", h, err)
	}
}
