package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/test/pki"
)

// opensslOf is `openssl cms -verify` of the very signature that ours checks, where it
// stands beside the file; the root and the time are given to both. It knows nothing of
// marks, timestamps and policies.
func (l *lab) opensslOf(p *pki.PKI, file string) (side, error) {
	root := l.path("root.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Root.Cert.Raw}), 0o644); err != nil {
		return side{}, err
	}
	return process("openssl cms", "openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", file+".p7s", "-content", file,
		"-CAfile", root, "-purpose", "any", "-attime", fmt.Sprint(p.Now.Unix()), "-out", os.DevNull), nil
}

// debsigPolicy takes a package whose origin signed it.
const debsigPolicy = `<?xml version="1.0"?>
<!DOCTYPE Policy SYSTEM "https://www.debian.org/debsig/1.0/policy.dtd">
<Policy xmlns="https://www.debian.org/debsig/1.0/">
  <Origin Name="Bench" id="%[1]s" Description="bench"/>
  <Selection><Required Type="origin" File="keyring.gpg" id="%[1]s"/></Selection>
  <Verification MinOptional="0"><Required Type="origin" File="keyring.gpg" id="%[1]s"/></Verification>
</Policy>
`

// debsigOf signs a package for debsig-verify, with OpenPGP, and returns the side that
// checks it.
func (l *lab) debsigOf(name string, payload []byte) (side, error) {
	keyring, err := l.keyring()
	if err != nil {
		return side{}, err
	}
	id, err := l.keyID()
	if err != nil {
		return side{}, err
	}
	ring, err := os.ReadFile(keyring)
	if err != nil {
		return side{}, err
	}
	policies, keyrings := l.path("debsig", "policies"), l.path("debsig", "keyrings")
	err = errors.Join(os.MkdirAll(filepath.Join(policies, id), 0o755), os.MkdirAll(filepath.Join(keyrings, id), 0o755),
		os.WriteFile(filepath.Join(policies, id, "bench.pol"), fmt.Appendf(nil, debsigPolicy, id), 0o644),
		os.WriteFile(filepath.Join(keyrings, id, "keyring.gpg"), ring, 0o644))
	if err != nil {
		return side{}, err
	}
	// What is signed is the members' contents, one after the other.
	signed, control := l.path(name+".members"), []byte("control")
	if err := os.WriteFile(signed, bytes.Join([][]byte{[]byte("2.0\n"), control, payload}, nil), 0o644); err != nil {
		return side{}, err
	}
	if err := l.gpg("--yes", "--output", signed+".sig", "--detach-sign", signed); err != nil {
		return side{}, err
	}
	signature, err := os.ReadFile(signed + ".sig")
	if err != nil {
		return side{}, err
	}
	deb := fmt.Appendf(pki.Deb(payload), "%-16s%-12d%-6d%-6d%-8s%-10d`\n", "_gpgorigin", 0, 0, 0, "100644", len(signature))
	deb = append(deb, signature...)
	if len(signature)%2 == 1 {
		deb = append(deb, '\n')
	}
	path := l.path(name)
	if err := os.WriteFile(path, deb, 0o644); err != nil {
		return side{}, err
	}
	return process("debsig-verify, RSA-3072", "debsig-verify", "--quiet", "--policies-dir", policies, "--keyrings-dir", keyrings, path), nil
}

// keyID is the long id of the bench's OpenPGP key.
func (l *lab) keyID() (string, error) {
	out, err := exec.Command("gpg", "--homedir", l.path("gnupg"), "--batch", "--with-colons", "--list-keys").Output()
	if err != nil {
		return "", fmt.Errorf("gpg --list-keys: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if fields := strings.Split(line, ":"); fields[0] == "pub" && len(fields) > 4 {
			return fields[4], nil
		}
	}
	return "", errors.New("gpg --list-keys shows no key")
}

// verifyPeers compares the installed verifier with what else people check files with,
// from fork to exit.
func verifyPeers(ctx context.Context, l *lab) ([]measurement, error) {
	p, err := newPKI()
	if err != nil {
		return nil, err
	}
	arguments, err := l.installerFiles(p)
	if err != nil {
		return nil, err
	}
	small, err := l.signed(p, "peers.bin", make([]byte, smallFile))
	if err != nil {
		return nil, err
	}
	payload := make([]byte, largeFile)
	rand.Read(payload)
	large, err := l.signed(p, "peers-large.bin", payload)
	if err != nil {
		return nil, err
	}
	deb, err := l.signed(p, "peers.deb", pki.Deb(payload))
	if err != nil {
		return nil, err
	}
	debsig, err := l.debsigOf("debsig.deb", payload)
	if err != nil {
		return nil, err
	}
	out, err := l.besidePeers(ctx, "10 MB .deb", deb, arguments, debsig)
	if err != nil {
		return nil, err
	}
	for _, f := range []struct{ what, file string }{{"4 KB file", small}, {"10 MB file", large}} {
		openssl, err := l.opensslOf(p, f.file)
		if err != nil {
			return nil, err
		}
		cosign, err := l.cosignOf(f.file)
		if err != nil {
			return nil, err
		}
		more, err := l.besidePeers(ctx, f.what, f.file, arguments, openssl, cosign)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	return out, nil
}

func (l *lab) besidePeers(ctx context.Context, what, file string, arguments []string, peers ...side) ([]measurement, error) {
	ours := l.verifierOf(what, file, arguments)
	took, err := takeTurns(ctx, l.rounds, append([]side{ours}, peers...)...)
	if err != nil {
		return nil, err
	}
	var out []measurement
	for i, peer := range peers {
		out = append(out, slower(ours, took[0], peer, took[i+1], goal{}))
	}
	return out, nil
}
