// Package committest makes git commits for tests: how does one look that this person
// signed? TestOpenSSHSigned of package gitcommit holds git itself against what is read.
package committest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Committer signs with a key of OpenSSH.
type Committer struct{ signer ssh.Signer }

// New makes a committer with an Ed25519 key that follows from the name, so that the same
// commit has the same id each time.
func New(name string) Committer {
	seed := sha256.Sum256([]byte(name))
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		panic(err)
	}
	return Committer{signer}
}

// Line is the committer's .pub file.
func (c Committer) Line() string {
	return string(ssh.MarshalAuthorizedKey(c.signer.PublicKey()))
}

// PEM is the same key outside OpenSSH.
func (c Committer) PEM() string {
	der, err := x509.MarshalPKIXPublicKey(c.signer.PublicKey().(ssh.CryptoPublicKey).CryptoPublicKey())
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// Signature is what "ssh-keygen -Y sign" writes over a text.
func (c Committer) Signature(namespace string, text []byte) []byte {
	sum := sha512.Sum512(text)
	signed := ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Digest                    []byte
	}{namespace, "", "sha512", sum[:]})
	sig, err := c.signer.Sign(rand.Reader, append([]byte("SSHSIG"), signed...))
	if err != nil {
		panic(err)
	}
	blob := ssh.Marshal(struct {
		Version                   uint32
		Key                       []byte
		Namespace, Reserved, Hash string
		Signature                 []byte
	}{1, c.signer.PublicKey().Marshal(), namespace, "", "sha512", ssh.Marshal(sig)})
	return pem.EncodeToMemory(&pem.Block{Type: "SSH SIGNATURE", Bytes: append([]byte("SSHSIG"), blob...)})
}

// Commit is an object that the committer signed.
func (c Committer) Commit(message string) []byte {
	object := Object(message)
	return Insert(object, "gpgsig", c.Signature("git", object))
}

// Object is a commit that nobody signed.
func Object(message string) []byte {
	const who = "A U Thor <author@example.com> 1777888800 +0000\n"
	return []byte("tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent 0123456789abcdef0123456789abcdef01234567\nauthor " + who + "committer " + who + "\n" + message + "\n")
}

// Insert puts a header before the empty line, as git does.
func Insert(object []byte, name string, value []byte) []byte {
	at := bytes.Index(object, []byte("\n\n")) + 1
	folded := name + " " + strings.ReplaceAll(strings.TrimSuffix(string(value), "\n"), "\n", "\n ") + "\n"
	return []byte(string(object[:at]) + folded + string(object[at:]))
}
