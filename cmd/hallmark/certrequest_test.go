package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/keys/attestation/attestationtest"
	"github.com/rogpeppe/go-internal/testscript"
)

// yubiKey DIR makes a maker of hardware and a key that its YubiKey keeps: root.pem,
// key.csr with slot.pem and step.txt, which attest its key, and other.csr for a key that
// is not there.
func yubiKey(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: yubikey DIR")
	}
	t := scriptTB{ts: ts}
	maker := attestationtest.New(t, time.Now())
	write := func(name string, data []byte) {
		ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o700))
		ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), name), data, 0o600))
	}
	csr := func(name string) (*ecdsa.PrivateKey, []byte) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ts.Check(err)
		der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
		ts.Check(err)
		write(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
		return key, der
	}
	key, der := csr("key.csr")
	csr("other.csr")
	challenge, err := ca.AttestationChallenge(der)
	ts.Check(err)
	write("root.pem", maker.Roots())
	write("slot.pem", maker.YubiKey(t, key.Public()))
	write("step.txt", maker.Step(t, key, challenge))
}
