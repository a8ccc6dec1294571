package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	_ "github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/registry"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hallmark-pki/hallmark/test/pki"
)

// notationProgram is a program for scripts: notation CONFIG LAYOUT DIGEST verifies an
// artefact as 'notation verify --oci-layout' does, with the configuration in a folder
// and asking for revocation over HTTP.
func notationProgram() {
	dir.UserConfigDir = os.Args[1]
	if err := notationVerify(os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "notation:", err)
		os.Exit(1)
	}
	fmt.Println("Successfully verified signature")
}

func notationVerify(layout, digest string) error {
	v, err := verifier.NewFromConfig()
	if err != nil {
		return err
	}
	repo, err := registry.NewOCIRepository(layout, registry.RepositoryOptions{})
	if err != nil {
		return err
	}
	_, outcomes, err := notation.Verify(context.Background(), v, repo, notation.VerifyOptions{
		ArtifactReference: "example.com/app@" + digest, MaxSignatureAttempts: 8})
	for _, o := range outcomes {
		err = errors.Join(err, o.Error)
	}
	return err
}

// ociImage DIR TAG LAYER NAME makes a layout with an image of one layer, and puts its
// digest into $NAME.
func ociImage(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 4 {
		ts.Fatalf("usage: ociimage DIR TAG LAYER NAME")
	}
	t := scriptTB{ts: ts}
	l := pki.NewLayout(t, ts.MkAbs(args[0]))
	d := l.Image(t, args[2])
	l.Tag(t, d, args[1])
	ts.Setenv(args[3], d.Digest)
}
