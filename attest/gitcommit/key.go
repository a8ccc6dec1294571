package gitcommit

import (
	"bytes"
	"crypto"
	"errors"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/attest/sshsig"
)

// namespace is for what git has keys of OpenSSH sign.
const namespace = "git"

// Key is a public key that commits are signed with.
type Key struct{ ssh sshsig.Key }

// ParseKey reads a key as its owner hands it out: a line of an OpenSSH .pub file. Errors:
// BadKey.
func ParseKey(text string) (Key, error) {
	k, err := sshsig.ParseKey([]byte(text))
	if err != nil {
		return Key{}, refuse(BadKey, "%v", err)
	}
	return Key{k}, nil
}

// ID names the key as OpenSSH does: "SHA256:" and the base64 of its hash.
func (k Key) ID() string { return k.ssh.Fingerprint() }

// Public is the same key outside OpenSSH, nil where it is in a security key.
func (k Key) Public() crypto.PublicKey { return k.ssh.Public() }

// SignedBy returns which of the keys, by its index, signed the commit. Errors: Unsigned,
// UnknownForm, UnknownKey, BadKey, NotVerified.
func (c *Commit) SignedBy(keys []Key) (int, error) {
	s, by, err := c.read()
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(keys, func(k Key) bool { return bytes.Equal(k.ssh.Wire(), by.ssh.Wire()) })
	if i < 0 {
		return 0, refuse(UnknownKey, "%s is signed with key %s", c.ID, by.ID())
	}
	return i, c.verify(s)
}

// Signer returns the key that signed the commit, whoever's it is. Errors: those of
// SignedBy but UnknownKey.
func (c *Commit) Signer() (Key, error) {
	s, by, err := c.read()
	if err != nil {
		return Key{}, err
	}
	if err := c.verify(s); err != nil {
		return Key{}, err
	}
	return by, nil
}

// read reads the signature and the key that it names.
func (c *Commit) read() (*sshsig.Signature, Key, error) {
	if c.Signature == nil {
		return nil, Key{}, refuse(Unsigned, "%s is not signed", c.ID)
	}
	if form := c.form(); form != "" {
		return nil, Key{}, refuse(UnknownForm, "%s is signed with %s, and signatures with OpenSSH keys are verified here (gpg.format=ssh)", c.ID, form)
	}
	s, err := sshsig.Parse(c.Signature)
	if err != nil {
		return nil, Key{}, refuse(NotVerified, "the signature of %s is %v", c.ID, err)
	}
	by, err := s.Key()
	if err != nil {
		return nil, Key{}, refuse(BadKey, "%s: %v", c.ID, err)
	}
	return s, Key{by}, nil
}

func (c *Commit) verify(s *sshsig.Signature) error {
	switch err := s.Verify(namespace, c.Payload); {
	case errors.Is(err, sshsig.ErrKey), errors.Is(err, sshsig.ErrAlgorithm):
		return refuse(BadKey, "%s: %v", c.ID, err)
	case err != nil:
		return refuse(NotVerified, "%s: %v", c.ID, err)
	}
	return nil
}

// form names the kind of a signature that is not verified here, "" for that of OpenSSH.
// git tells them by their first line.
func (c *Commit) form() string {
	first, _, _ := strings.Cut(string(c.Signature), "\n")
	switch first {
	case "-----BEGIN SSH SIGNATURE-----":
		return ""
	case "-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----":
		return "OpenPGP"
	case "-----BEGIN SIGNED MESSAGE-----":
		return "X.509"
	}
	return "something unknown"
}
