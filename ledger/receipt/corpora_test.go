package receipt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/hallmark-pki/hallmark/test/corpora"
)

func TestCorporaMerkle(t *testing.T) {
	dir := corpora.Folder(t, "merkle")
	counts := map[string]int{}
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, file)
		raw, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var c merkleCase
		if err := json.Unmarshal(raw, &c); err != nil {
			return fmt.Errorf("%s: %w", rel, err)
		}
		kind, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		counts[fmt.Sprint(kind, " ", c.WantErr)]++
		if kind == "subtreeconsistency" {
			return nil
		}
		if err := c.verify(kind); (err != nil) != c.WantErr {
			t.Errorf("%s: error %v, want one: %v", rel, err, c.WantErr)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{
		"inclusion true": 49, "inclusion false": 3, "consistency true": 40, "consistency false": 3,
		"subtreeinclusion true": 172, "subtreeinclusion false": 12, "subtreeconsistency true": 106, "subtreeconsistency false": 12,
	}
	if d := cmp.Diff(want, counts); d != "" {
		t.Error("number of cases by kind and wantErr:", d)
	}
}

type merkleCase struct {
	LeafIdx, TreeSize, Start, End, Size, Size1, Size2 uint64
	Root, Root1, Root2, LeafHash                      []byte
	Proof                                             [][]byte
	WantErr                                           bool
}

func (c merkleCase) verify(kind string) error {
	h := rfc6962.DefaultHasher
	switch kind {
	case "inclusion":
		return proof.VerifyInclusion(h, c.LeafIdx, c.TreeSize, c.LeafHash, c.Proof, c.Root)
	case "subtreeinclusion":
		if c.LeafIdx < c.Start || c.End < c.Start {
			return errors.New("leaf outside the subtree")
		}
		return proof.VerifyInclusion(h, c.LeafIdx-c.Start, c.End-c.Start, c.LeafHash, c.Proof, c.Root)
	case "consistency":
		return proof.VerifyConsistency(h, c.Size1, c.Size2, c.Proof, c.Root1, c.Root2)
	}
	return fmt.Errorf("unknown kind %s", kind)
}

func TestCorporaCheckpoints(t *testing.T) {
	dir := corpora.Folder(t, "tlog-tiles")
	vkey, err := os.ReadFile(filepath.Join(dir, "vkey.txt"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "checkpoint*"))
	if err != nil || len(files) != 17 {
		t.Fatalf("%d checkpoints, want 17: %v", len(files), err)
	}
	stranger := newLog(t, v.Name(), 5)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		cp, err := ParseCheckpoint(raw, v)
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(f), err)
			continue
		}
		if root := rootOfTile(t, dir, cp.Size); !bytes.Equal(root, cp.Hash) {
			t.Errorf("%s: root %x, its tile has %x", filepath.Base(f), cp.Hash, root)
		}
		_, err = ParseCheckpoint(raw, stranger.verifier)
		wantReason(t, err, UnknownLog)
	}
}

func rootOfTile(t *testing.T, dir string, size uint64) []byte {
	t.Helper()
	if size == 0 {
		return rfc6962.DefaultHasher.EmptyRoot()
	}
	raw, err := os.ReadFile(filepath.Join(dir, "tile", "0", "000.p", fmt.Sprint(size)))
	if err != nil {
		t.Fatal(err)
	}
	var root func(h []byte) []byte
	root = func(h []byte) []byte {
		if len(h) == 32 {
			return h
		}
		k := 32
		for 2*k < len(h) {
			k *= 2
		}
		return rfc6962.DefaultHasher.HashChildren(root(h[:k]), root(h[k:]))
	}
	return root(raw)
}
