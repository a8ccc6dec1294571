package conformance

import (
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
)

func evidenceSuites() []suite {
	return []suite{
		{"merkle", "merkle", merkleAbout, 279, merkle},
		{"tlog-tiles", "tlog-tiles", tilesAbout, 34, tiles},
		{"sigstore-checkpoints", "sigstore-bundles", sigstoreLogAbout, 18, sigstoreLog},
	}
}

const merkleAbout = `Inclusion and consistency proofs (transparency-dev), with the functions that ` + "`receipt.Verify`" + ` and the log's monitor call. A proof of
inclusion in a subtree is one of inclusion in a tree that begins at its first leaf. The 118 proofs of consistency with a subtree are
about something that nothing here uses, and are left out.`

type merkleCase struct {
	LeafIdx, TreeSize, Start, End, Size, Size1, Size2 uint64
	Root, Root1, Root2, LeafHash                      []byte
	Proof                                             [][]byte
	WantErr                                           bool
}

func merkle(t *testing.T, dir string) []row {
	var rows []row
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		rel := below(dir, file)
		kind, _, _ := strings.Cut(rel, "/")
		if err != nil || d.IsDir() || kind == "subtreeconsistency" {
			return err
		}
		var c merkleCase
		readJSON(t, &c, file)
		rows = append(rows, row{id: rel, want: wants(!c.WantErr)}.judged(c.verify(kind)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func (c merkleCase) verify(kind string) error {
	h := rfc6962.DefaultHasher
	switch kind {
	case "inclusion":
		return proof.VerifyInclusion(h, c.LeafIdx, c.TreeSize, c.LeafHash, c.Proof, c.Root)
	case "subtreeinclusion":
		if c.LeafIdx < c.Start || c.End < c.Start {
			return errors.New("outside: leaf outside the subtree")
		}
		return proof.VerifyInclusion(h, c.LeafIdx-c.Start, c.End-c.Start, c.LeafHash, c.Proof, c.Root)
	case "consistency":
		return proof.VerifyConsistency(h, c.Size1, c.Size2, c.Proof, c.Root1, c.Root2)
	}
	return fmt.Errorf("unknown kind %s", kind)
}

const tilesAbout = `The checkpoints of a small log (transparency-dev/tessera), with ` + "`receipt.ParseCheckpoint`" + `: each with the log's key, when its root
must be what its tile has, and each with a stranger's of the same name.`

func tiles(t *testing.T, dir string) []row {
	v, err := note.NewVerifier(strings.TrimSpace(string(read(t, dir, "vkey.txt"))))
	if err != nil {
		t.Fatal(err)
	}
	_, key, err := note.GenerateKey(nil, v.Name())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := note.NewVerifier(key)
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for _, file := range files(t, dir, "checkpoint*") {
		raw := read(t, file)
		cp, err := receipt.ParseCheckpoint(raw, v)
		if err == nil && string(rootOfTile(t, dir, cp.Size)) != string(cp.Hash) {
			err = errors.New("root: another than its tile's")
		}
		rows = append(rows, row{id: filepath.Base(file), want: accept}.judged(err))
		_, err = receipt.ParseCheckpoint(raw, stranger)
		rows = append(rows, row{id: filepath.Base(file) + ", another's key", want: refuse}.judged(err))
	}
	return rows
}

func rootOfTile(t *testing.T, dir string, size uint64) []byte {
	t.Helper()
	if size == 0 {
		return rfc6962.DefaultHasher.EmptyRoot()
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
	return root(read(t, dir, "tile", "0", "000.p", fmt.Sprint(size)))
}

const sigstoreLogAbout = `The log entries in sigstore-conformance's bundles, each made a receipt of ours: entry, proof and checkpoint, with ` + "`receipt.Verify`" + `
and the keys of the case's logs. Their entries are none of ours, which is looked at last: a receipt that is refused for its entry
alone has been found to be in the log and counts as accepted here. Cases that are to fail for something else are not in this suite.`

func sigstoreLog(t *testing.T, dir string) []row {
	var rows []row
	for _, file := range files(t, dir, "*/bundle.sigstore.json") {
		name := filepath.Base(filepath.Dir(file))
		b, root, ok := sigstoreCase(t, filepath.Dir(file))
		if !ok {
			continue
		}
		aboutLog := strings.Contains(name, "checkpoint") || strings.Contains(name, "inclusion")
		for i, e := range b.VerificationMaterial.TlogEntries {
			r := row{id: fmt.Sprintf("%s, entry %d", name, i), want: accept}
			if strings.HasSuffix(name, "_fail") {
				r.want = refuse
				if !aboutLog {
					continue
				}
			}
			index, _ := strconv.ParseUint(e.InclusionProof.LogIndex, 10, 64) // absent: 0, which no proof fits
			var path [][32]byte
			for _, h := range e.InclusionProof.Hashes {
				path = append(path, [32]byte(h))
			}
			raw := receipt.Marshal(e.CanonicalizedBody, index, path, []byte(e.InclusionProof.Checkpoint.Envelope))
			_, err := receipt.Verify(raw, root.logs(t)...)
			rows = append(rows, r.inLog(err))
		}
	}
	return rows
}

func (r row) inLog(err error) row {
	var e *receipt.Error
	switch {
	case receipt.Is(err, receipt.BadEntry), receipt.Is(err, receipt.UnknownVersion):
		r.got = accept
	case errors.As(err, &e):
		r.got, r.code, r.detail = refuse, string(e.Reason), err.Error()
	default:
		r = r.judged(err)
	}
	return r
}

// logs are the keys that a trust bundle could hold: a log's is Ed25519.
func (s sigstoreRoot) logs(t *testing.T) []note.Verifier {
	t.Helper()
	var out []note.Verifier
	for _, l := range s.Tlogs {
		pub, err := x509.ParsePKIXPublicKey(l.PublicKey.RawBytes)
		if err != nil {
			continue
		}
		key, isEd25519 := pub.(ed25519.PublicKey)
		u, err := url.Parse(l.BaseURL)
		if !isEd25519 || err != nil {
			continue
		}
		text, err := note.NewEd25519VerifierKey(u.Host, key)
		if err != nil {
			t.Fatal(err)
		}
		v, err := note.NewVerifier(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}
