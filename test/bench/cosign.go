package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// cosignProgram is where test/setup puts the peer.
const cosignProgram = ".tools/bin/cosign"

// noRoots is a trusted root that trusts nobody. With it cosign does not look for the
// public one's update repository.
const noRoots = `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`

// cosignOf signs a file with cosign and a key, and returns the side that checks it with
// `cosign verify-blob`: one signature, no certificate, no timestamp, no log. Neither opens
// a connection.
func (l *lab) cosignOf(file string) (side, error) {
	program, err := filepath.Abs(cosignProgram)
	if err != nil {
		return side{}, err
	}
	roots, keys := l.path("roots.json"), l.path("cosign")
	if _, err := os.Stat(keys + ".key"); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(roots, []byte(noRoots), 0o644); err != nil {
			return side{}, err
		}
		if err := runCosign(program, "generate-key-pair", "--output-key-prefix", keys); err != nil {
			return side{}, err
		}
	}
	bundle := file + ".bundle"
	err = runCosign(program, "sign-blob", "--yes", "--tlog-upload=false", "--key", keys+".key", "--new-bundle-format", "--bundle", bundle, file)
	return process("cosign verify-blob, P-256", program, "verify-blob", "--key", keys+".pub", "--insecure-ignore-tlog", "--trusted-root", roots,
		"--new-bundle-format", "--bundle", bundle, file), err
}

func runCosign(program string, args ...string) error {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "COSIGN_PASSWORD=") // of a key that lives as long as the bench
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cosign %s: %w (run: test/setup bench): %s", args[0], err, out)
	}
	return nil
}
