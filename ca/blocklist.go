package ca

import (
	"bufio"
	"crypto/rsa"
	"crypto/sha1" // names moduli, as Debian's lists do; nothing is signed with it
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

// blockedBytes is how much of the SHA-1 a list keeps of each modulus: its end.
const blockedBytes = 10

// Blocklist knows RSA keys that everybody can know: those which Debian's OpenSSL made
// from 2006 to 2008 (CVE-2008-0166), and whatever else a list names. The zero value is
// empty. Reading must be over before it is used; then it is safe for concurrent use.
type Blocklist struct {
	moduli map[[blockedBytes]byte]struct{}
}

// Read adds a list in the format of Debian's package openssl-blacklist: on each line the
// last 20 of the 40 lower-case hex digits of the SHA-1 of what `openssl rsa -modulus`
// prints ("Modulus=", upper-case hex, a line feed). Empty lines and those that begin
// with # are passed over; anything else, and a list without an entry, is an error.
func (b *Blocklist) Read(list io.Reader) error {
	if b.moduli == nil {
		b.moduli = map[[blockedBytes]byte]struct{}{}
	}
	found := 0
	lines := bufio.NewScanner(list)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' {
			continue
		}
		var end [blockedBytes]byte
		if len(text) != hex.EncodedLen(blockedBytes) {
			return fmt.Errorf("line %d: %d characters, want %d hex digits", n, len(text), hex.EncodedLen(blockedBytes))
		}
		if _, err := hex.Decode(end[:], []byte(text)); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if len(b.moduli) >= maxBlocked {
			return fmt.Errorf("line %d: more than %d keys in all", n, maxBlocked)
		}
		b.moduli[end] = struct{}{}
		found++
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if found == 0 {
		return fmt.Errorf("the list names no key")
	}
	return nil
}

// check refuses a key that a list names.
func (b *Blocklist) check(pub any) error {
	k, ok := pub.(*rsa.PublicKey)
	if !ok || b == nil || len(b.moduli) == 0 {
		return nil
	}
	sum := sha1.Sum(fmt.Appendf(nil, "Modulus=%X\n", k.N))
	if _, ok := b.moduli[[blockedBytes]byte(sum[sha1.Size-blockedBytes:])]; ok {
		return refuse(CodeKeyBlocked, "make a new key; this one's private half is public", "the RSA key is on a list of known keys")
	}
	return nil
}
