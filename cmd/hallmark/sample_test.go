package main

import (
	"os"

	"github.com/hallmark-pki/hallmark/test/sample"
	"github.com/rogpeppe/go-internal/testscript"
)

// sample pe|cab|jar FILE TEXT makes a small file of a format with a text in it.
func sampleFile(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: sample pe|cab|jar FILE TEXT")
	}
	of := map[string]func([]byte) []byte{"pe": sample.Program, "cab": sample.Cabinet, "jar": sample.Archive}[args[0]]
	if of == nil {
		ts.Fatalf("no sample of a %s file", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), of([]byte(args[2])), 0o600))
}
