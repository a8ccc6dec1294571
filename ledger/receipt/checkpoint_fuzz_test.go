package receipt

import (
	"bytes"
	"testing"
)

// FuzzParseCheckpoint: what the log's key opens is what the log signed, with or without
// the signatures of others behind its own.
func FuzzParseCheckpoint(f *testing.F) {
	l := filled(f, 7)
	raw := l.receipt(f, 0)
	p, err := parse(raw)
	if err != nil {
		f.Fatal(err)
	}
	good, err := ParseCheckpoint(p.Checkpoint, l.verifier)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p.Checkpoint)
	f.Add(append(bytes.Clone(p.Checkpoint), "— another.example.com AAAAAAAA\n"...))
	f.Add(bytes.Replace(p.Checkpoint, []byte("\n7\n"), []byte("\n07\n"), 1))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, raw []byte) {
		cp, err := ParseCheckpoint(raw, l.verifier)
		if err != nil {
			if cp.Origin != "" || cp.Hash != nil {
				t.Fatal("half a checkpoint beside an error")
			}
			return
		}
		if cp.Origin != good.Origin || cp.Size != good.Size || !bytes.Equal(cp.Hash, good.Hash) {
			t.Fatalf("the log never signed %+v", cp)
		}
		if _, err := (Policy{Logs: nil}).ParseCheckpoint(raw); err == nil {
			t.Fatal("opens without a key")
		}
	})
}
