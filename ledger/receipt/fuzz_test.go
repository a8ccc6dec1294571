package receipt

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the seeds")

func FuzzVerify(f *testing.F) {
	l := filled(f, 7)
	if *update {
		for i := range l.leaves {
			name := filepath.Join("testdata", "receipts", fmt.Sprintf("%d-of-7.txt", i))
			if err := os.WriteFile(name, l.receipt(f, i), 0o644); err != nil {
				f.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "receipts", "*"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds in testdata/receipts: %v", err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		if _, err := Verify(raw, l.verifier); err != nil {
			f.Fatalf("%s does not verify: %v", name, err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if e, err := ParseEntry(raw); err == nil {
			sameEntry(t, e, raw)
		}
		r, err := Verify(raw, l.verifier)
		if err != nil {
			return
		}
		p, err := parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		sameEntry(t, r.Entry, p.ExtraData)
		if again := Marshal(p.ExtraData, r.Index, p.Hashes, p.Checkpoint); !bytes.Equal(again, raw) {
			t.Fatalf("written again:\n%s\nwas:\n%s", again, raw)
		}
		if !bytes.Equal(l.leaves[r.Index], p.ExtraData) || r.TreeSize != 7 || r.Origin != origin {
			t.Fatalf("accepted what the log never said: %+v", r)
		}
	})
}

func sameEntry(t *testing.T, e Entry, raw []byte) {
	t.Helper()
	again, err := e.Marshal()
	if err != nil || !bytes.Equal(again, raw) {
		t.Fatalf("entry written again: %v\n%s\nwas:\n%s", err, again, raw)
	}
}
