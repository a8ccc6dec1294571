package release

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/hallmark-pki/hallmark/attest/sshsig"
)

// SSH is a second factor that OpenSSH holds: a key in a file, in an agent, or in a
// security key (ed25519-sk, ecdsa-sk), which must have been touched. A proof is what
// "ssh-keygen -Y sign -n hallmark" writes; package sshsig says which keys are taken.
type SSH struct{}

// SSHNamespace keeps signatures that were made for something else from counting here.
const SSHNamespace = "hallmark"

// Kind implements SecondFactor.
func (SSH) Kind() string { return "ssh" }

// Parse reads a line of a .pub file.
func (SSH) Parse(public []byte) ([]byte, error) {
	key, err := sshsig.ParseKey(public)
	if err != nil {
		return nil, err
	}
	return key.Wire(), nil
}

// Verify implements SecondFactor.
func (SSH) Verify(public, text, proof []byte) error {
	sig, err := sshsig.Parse(proof)
	if err != nil {
		return err
	}
	key, err := sig.Key()
	if err != nil {
		return err
	}
	if !bytes.Equal(key.Wire(), public) {
		return errors.New("signed with another key")
	}
	return sig.Verify(SSHNamespace, text)
}

func factorID(public []byte) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:])
}
