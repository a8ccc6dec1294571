package receipt

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

const (
	// algCosignature is the algorithm of c2sp.org/tlog-cosignature with Ed25519, the
	// first byte of a witness's key.
	algCosignature = 4
	// cosignatureBytes: seconds since 1970, then the Ed25519 signature.
	cosignatureBytes = 8 + ed25519.SignatureSize
)

var errWitness = errors.New("not a witness's key: want <name>+<hash>+<base64> with algorithm 4, Ed25519 cosignatures (c2sp.org/tlog-cosignature)")

// NewWitness reads a witness's verifier key, a note vkey of the form
// "<name>+<8 hex>+<base64 of 0x04 and the Ed25519 public key>". What it verifies are
// timestamped cosignatures, c2sp.org/tlog-cosignature: they say that the witness has
// seen nothing that contradicts the checkpoint, not that it believes the log.
// It is safe for concurrent use.
func NewWitness(vkey string) (note.Verifier, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	hash, encoded, _ := strings.Cut(rest, "+")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != algCosignature || !isName(name) {
		return nil, fmt.Errorf("%.200q: %w", vkey, errWitness)
	}
	w := &witness{name: name, key: key[1:]}
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	w.hash = binary.BigEndian.Uint32(sum[:])
	if hash != fmt.Sprintf("%08x", w.hash) {
		return nil, fmt.Errorf("%.200q: %w: the hash is not this key's", vkey, errWitness)
	}
	return w, nil
}

type witness struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (w *witness) Name() string    { return w.name }
func (w *witness) KeyHash() uint32 { return w.hash }

// Verify checks a cosignature over a checkpoint's text.
func (w *witness) Verify(text, sig []byte) bool {
	if len(sig) != cosignatureBytes {
		return false
	}
	seconds := binary.BigEndian.Uint64(sig)
	if seconds > maxUnix {
		return false
	}
	message := append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", seconds), text...)
	return ed25519.Verify(w.key, message, sig[8:])
}

// oncePerKey takes the first of those that have one key: names cost nothing, and a quorum
// of them would be a quorum of one.
func oncePerKey(list []note.Verifier) []note.Verifier {
	seen := map[string]bool{}
	var out []note.Verifier
	for _, v := range list {
		if w, ok := v.(*witness); ok {
			if seen[string(w.key)] {
				continue
			}
			seen[string(w.key)] = true
		}
		out = append(out, v)
	}
	return out
}

// isName says whether a key may have this name, by the rule of signed notes.
func isName(s string) bool {
	return s != "" && len(s) <= maxName && utf8.ValidString(s) && !strings.Contains(s, "+") && !strings.ContainsFunc(s, unicode.IsSpace)
}
