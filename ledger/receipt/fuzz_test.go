package receipt

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	fnote "github.com/transparency-dev/formats/note"
)

var update = flag.Bool("update", false, "rewrite the seeds")

// seeds reads the files of a folder, after writing those given with -update.
func seeds(f *testing.F, folder string, fresh map[string][]byte) [][]byte {
	f.Helper()
	dir := filepath.Join("testdata", folder)
	if *update {
		for name, raw := range fresh {
			if err := os.WriteFile(filepath.Join(dir, name), raw, 0o644); err != nil {
				f.Fatal(err)
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds in %s: %v", dir, err)
	}
	var all [][]byte
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, raw)
		f.Add(raw)
	}
	return all
}

// FuzzVerify: what is accepted, taken apart and written again, is the same bytes,
// and so is the entry inside. Seeds are receipts of the test log (-update).
func FuzzVerify(f *testing.F) {
	l := filled(f, 7)
	fresh := map[string][]byte{}
	for i := range l.leaves {
		fresh[fmt.Sprintf("%d-of-7.txt", i)] = l.receipt(f, i)
	}
	for _, raw := range seeds(f, "receipts", fresh) {
		if _, err := Verify(raw, l.verifier); err != nil {
			f.Fatalf("%v:\n%s", err, raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
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

// FuzzParseEntry: what is accepted, written again, is the same bytes. Seeds are an entry
// of each type (-update).
func FuzzParseEntry(f *testing.F) {
	fresh := map[string][]byte{}
	for _, name := range kindNames() {
		raw, err := exampleOf(name).Marshal()
		if err != nil {
			f.Fatal(err)
		}
		fresh[name+".json"] = raw
	}
	for _, raw := range seeds(f, "entries", fresh) {
		if _, err := ParseEntry(raw); err != nil {
			f.Fatalf("%v:\n%s", err, raw)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if e, err := ParseEntry(raw); err == nil {
			sameEntry(t, e, raw)
		}
	})
}

// FuzzNewWitness: a key that we take is one that the library takes, for the same witness.
func FuzzNewWitness(f *testing.F) {
	f.Add(newWitness(f, "witness.example.com/w1", 11).vkey)
	f.Add("witness.example.com+00000000+BAAA")
	f.Fuzz(func(t *testing.T, vkey string) {
		ours, err := NewWitness(vkey)
		if err != nil {
			return
		}
		theirs, err := fnote.NewVerifierForCosignatureV1(vkey)
		if err != nil || ours.Name() != theirs.Name() || ours.KeyHash() != theirs.KeyHash() {
			t.Fatalf("%q is %s %08x, the library says %v, %v", vkey, ours.Name(), ours.KeyHash(), theirs, err)
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
