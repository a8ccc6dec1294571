package command

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/child"
	"github.com/hallmark-pki/hallmark/verify/proof"
)

// DefaultEvidence is where a machine may keep a copy of evidence, as "hallmark attest
// mirror" and "attest import" write it for one vendor or several.
const DefaultEvidence = "/var/lib/hallmark/evidence"

// groundFlags say where the evidence for a proof is looked for.
func groundFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "evidence", Usage: "add to the proof what `FILE` has, one DSSE envelope per line (repeatable)"},
		&cli.StringFlag{Name: "evidence-dir", Usage: "look for evidence in `DIR`, a folder of 'hallmark attest mirror' (default: " + DefaultEvidence + ", if it is there)"},
		&cli.BoolFlag{Name: "fetch", Usage: "look for evidence where the certificate says that it is, too (runs " + child.Name + ")"},
	}
}

// wanted are the digests under which evidence for a verdict is filed: the file's, and the
// vendor's, of whom assessments are about.
func wanted(v verify.Verdict) [][sha256.Size]byte {
	var out [][sha256.Size]byte
	if raw, err := hex.DecodeString(v.Digest); err == nil && len(raw) == sha256.Size {
		out = append(out, [sha256.Size]byte(raw))
	}
	if v.Vendor != "" {
		out = append(out, sha256.Sum256([]byte(v.Vendor)))
	}
	return out
}

// atHand collects what lies in the local folder and, if asked to, at the certificate's
// addresses. What cannot be had is said and is no error: the proof tells what is missing.
func (c console) atHand(ctx *cli.Context, o Options, v verify.Verdict, policy verify.Policy) ([][]byte, error) {
	var out [][]byte
	dir := ctx.String("evidence-dir")
	for _, digest := range wanted(v) {
		found, err := localEvidence(dir, digest)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	if !ctx.Bool("fetch") && !policy.MayFetch() {
		return out, nil
	}
	f := child.Fetcher{Program: o.FetchProgram}
	for _, base := range v.Repositories {
		for _, digest := range wanted(v) {
			out = append(out, c.fetchEvidence(ctx.Context, f, ext.EvidenceURL(base, digest))...)
		}
	}
	return out, nil
}

func (c console) fetchEvidence(ctx context.Context, f child.Fetcher, url string) [][]byte {
	raw, err := f.Fetch(ctx, url)
	if err != nil && !errors.Is(err, verify.ErrNotFound) {
		hint := ""
		if errors.Is(err, child.ErrMissing) {
			hint = installFetch
		}
		c.complain(err.Error(), hint)
	}
	return envelopes(raw)
}

// localEvidence reads what a folder has about a digest: the folder of one vendor, or one
// with a folder for each.
func localEvidence(dir string, digest [sha256.Size]byte) ([][]byte, error) {
	named := dir != ""
	if !named {
		dir = DefaultEvidence
	}
	name := strings.TrimPrefix(ext.EvidenceURL("", digest), "/")
	paths := []string{filepath.Join(dir, name)}
	more, err := filepath.Glob(filepath.Join(globbed(dir), "*", name))
	if err != nil {
		return nil, fmt.Errorf("evidence in %s: %w", dir, err)
	}
	var out [][]byte
	for _, path := range append(paths, more...) {
		raw, err := read(path, "")
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("evidence: %w", err)
		}
		out = append(out, envelopes(raw)...)
	}
	return out, nil
}

// globbed is a path that a pattern takes for itself.
func globbed(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// envelopes are the lines of a file of evidence.
func envelopes(raw []byte) [][]byte {
	var out [][]byte
	for line := range bytes.Lines(raw) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			out = append(out, line)
		}
	}
	return out
}

// tellGrounds says what the evidence comes to, and warns about what is missing. It says no
// if the evidence speaks against the certificate.
func (c console) tellGrounds(p proof.Proof, asJSON bool) bool {
	g := p.Grounds
	if !asJSON {
		for _, a := range g.Assessments {
			fmt.Fprintf(c.stdout, "assessment %s: %s\n", a.SHA256, a.State)
		}
		fmt.Fprintf(c.stdout, "reproduced by %d operator(s)%s\n", len(g.Reproduced), listed(g.Reproduced))
		if len(g.Contradicted) > 0 {
			fmt.Fprintf(c.stdout, "could not be reproduced by %d operator(s)%s\n", len(g.Contradicted), listed(g.Contradicted))
		}
	}
	for _, digest := range g.Missing() {
		c.complain("warning: the proof lacks assessment sha256:"+digest,
			"name a file that has it with --evidence, or a folder with --evidence-dir; --fetch looks where the certificate says; the vendor publishes it with 'hallmark audit publish'")
	}
	for _, a := range g.Assessments {
		if a.State == proof.KeyMissing {
			c.complain("warning: the proof lacks the auditor's key of assessment sha256:"+a.SHA256, "'hallmark audit publish' puts it beside the signature")
		}
	}
	if why := g.Contradiction(); why != "" {
		c.complain("the evidence speaks against the certificate: "+why, "report it to the CA: whoever reads the proof will not take it for valid")
		return false
	}
	return true
}

func listed(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ": " + printable(strings.Join(names, ", "))
}
