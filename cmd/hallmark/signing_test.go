package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// signingPage has the lines that vendors copy.
var signingPage, _ = filepath.Abs(filepath.Join("..", "..", "docs", "signing.md"))

// pipelineOf FILE writes the lines of the signing page into a file. A second argument
// replaces the line that signs, as the page says, by what follows the words "becomes".
func pipelineOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 || len(args) == 2 && args[1] != "provisional" {
		ts.Fatalf("usage: pipeline FILE [provisional]")
	}
	raw, err := os.ReadFile(signingPage)
	ts.Check(err)
	page := string(raw)
	_, block, _ := strings.Cut(page, "```sh\n")
	block, _, ok := strings.Cut(block, "```\n")
	if !ok {
		ts.Fatalf("%s has no block of sh", signingPage)
	}
	if len(args) == 2 {
		_, rest, _ := strings.Cut(page, "the signing line becomes\n\n")
		line, _, ok := strings.Cut(strings.TrimLeft(rest, " "), "\n")
		before, _, found := strings.Cut(block, "hallmark sign --product")
		if !ok || !found {
			ts.Fatalf("%s does not say what the signing line becomes", signingPage)
		}
		block = before + line + "\n"
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(block), 0o700))
}
