package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/audit/evidence"
	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

func (e *env) submitCommand() *cli.Command {
	return command(cli.Command{
		Name: "submit", Usage: "auditors: hand a signed assessment in", ArgsUsage: "FILE",
		Flags: []cli.Flag{jsonFlag,
			&cli.GenericFlag{Name: "evidence", Value: &texts{}, Usage: "draft that it was signed from: hand in the files that its findings name, too (repeatable)"}},
		Description: `Without --evidence only the digests travel, and the vendor or you keep the files. The
CA shows files to its officers and readers, to the assessment's auditors and to the vendor.

EXAMPLE: hallmark audit submit --evidence acme-slsa-v0.1.yaml acme.assessment.json`,
	}, 1, 1, e.auditSubmit)
}

func (e *env) evidenceListCommand() *cli.Command {
	return command(cli.Command{
		Name: "list", Usage: "the files that an assessment names, and which have been handed in", ArgsUsage: "ASSESSMENT",
		Flags:       []cli.Flag{jsonFlag, formatFlag},
		Description: "EXAMPLE: hallmark audit evidence list 3f5a...",
	}, 1, 1, e.evidenceList)
}

func (e *env) evidenceGetCommand() *cli.Command {
	return command(cli.Command{
		Name: "get", Usage: "fetch the files that were handed in, and check that they are the ones assessed", ArgsUsage: "ASSESSMENT",
		Flags: []cli.Flag{&cli.StringFlag{Name: "out", Usage: "write them into this folder"}},
		Description: `For officers, readers, the assessment's auditors and its vendor. A file whose bytes do
not have the digest that the auditor signed is not written.

EXAMPLE: hallmark audit evidence get --out acme-evidence 3f5a...`,
	}, 1, 1, e.evidenceGet)
}

func evidencePath(id string) string { return "/v1/assessments/" + url.PathEscape(id) + "/evidence" }

func (e *env) evidenceList(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var files []api.EvidenceFile
	if err := client.Get(c.Context, evidencePath(c.Args().First()), &files); err != nil {
		return err
	}
	t := table{header: []string{"sha256", "name", "held", "size", "at", "by", "requirements"}, records: files}
	for _, f := range files {
		held := "no"
		if f.Held {
			held = "yes"
		}
		t.rows = append(t.rows, []string{
			f.SHA256, printable(strings.Join(f.Names, ", ")), held, size(f.Size), moment(f.At), f.By, strings.Join(f.Requirements, " "),
		})
	}
	return e.printTable(c, t)
}

func (e *env) evidenceGet(c *cli.Context) error {
	if err := need(c, "out"); err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	path := evidencePath(c.Args().First())
	var files []api.EvidenceFile
	if err := client.Get(c.Context, path, &files); err != nil {
		return err
	}
	if err := os.MkdirAll(c.String("out"), 0o755); err != nil {
		return err
	}
	var failed error
	for _, f := range files {
		if !f.Held {
			fmt.Fprintf(e.stdout, "not handed in  %s  %s\n", short(f.SHA256), printable(strings.Join(f.Names, ", ")))
			continue
		}
		to := filepath.Join(c.String("out"), fileName(f))
		if err := e.fetch(c, client, path+"/"+f.SHA256, to, f.SHA256); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", to, err))
			continue
		}
		fmt.Fprintf(e.stdout, "wrote          %s  %s\n", to, size(f.Size))
	}
	return failed
}

// fetch writes a file whose bytes have the right digest, or none.
func (e *env) fetch(c *cli.Context, client *api.Client, path, to, want string) error {
	return durable.Write(to, 0o644, func(w io.Writer) error {
		hash := sha256.New()
		if _, err := client.Download(c.Context, path, io.MultiWriter(w, hash), evidence.MaxBytes); err != nil {
			return err
		}
		if got := hex.EncodeToString(hash.Sum(nil)); got != want {
			return withHint(fmt.Errorf("the server sent bytes with SHA-256 %s: they are not what the auditor signed for", got), "tell the administrator: the file on the CA host is damaged, or was changed")
		}
		return nil
	})
}

// maxNameBytes bounds the part of a file's name that an auditor chose.
const maxNameBytes = 80

// fileName is where evidence is written: the digest tells files of one name apart, and
// what an auditor called it leads nowhere else.
func fileName(f api.EvidenceFile) string {
	name := "evidence"
	if len(f.Names) > 0 {
		name = filepath.Base(filepath.FromSlash(f.Names[0]))
	}
	name = strings.Map(func(r rune) rune {
		if r < 0x80 && (r == '.' || r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return r
		}
		return '_'
	}, name)
	return short(f.SHA256) + "-" + name[max(0, len(name)-maxNameBytes):]
}

// handedIn is a file that a draft names.
type handedIn struct {
	draft  string // the draft's path: the file lies in its folder or below
	file   string
	sha256 string
}

// evidenceFiles lists the files that drafts name and the assessment has, each once. A
// finding's file that the assessment does not have is an error where the draft is the
// assessment's own: it was changed since the draft was signed.
func evidenceFiles(signed signedAssessment, drafts []string) ([]handedIn, error) {
	named := map[string]bool{}
	for _, f := range signed.Findings {
		for _, piece := range f.Evidence {
			named[piece.Digest["sha256"]] = true
		}
	}
	var files []handedIn
	for _, name := range drafts {
		draft, err := audit.ReadDraft(name)
		if err != nil {
			return nil, err
		}
		own := draft.Framework == signed.Framework.ID && draft.Track == signed.Framework.Track
		for _, f := range draft.Findings {
			for _, piece := range f.Evidence {
				switch {
				case piece.File == "" || f.Status == "":
				case named[piece.SHA256]:
					files = append(files, handedIn{name, piece.File, piece.SHA256})
				case own:
					return nil, changed(name, piece)
				}
			}
		}
	}
	slices.SortStableFunc(files, func(a, b handedIn) int { return strings.Compare(a.sha256, b.sha256) })
	return slices.CompactFunc(files, func(a, b handedIn) bool { return a.sha256 == b.sha256 }), nil
}

func changed(draft string, piece audit.DraftEvidence) error {
	path := filepath.Join(filepath.Dir(draft), filepath.FromSlash(piece.File))
	if piece.SHA256 == "" {
		return withHint(fmt.Errorf("%s cannot be read", path), "'hallmark audit check' says why")
	}
	return withHint(fmt.Errorf("%s has SHA-256 %s, which the assessment does not name", path, piece.SHA256),
		"it was changed since the draft was signed: put the right file back, or sign again; nothing was handed in")
}

// submitWithEvidence hands an assessment in, and the files that its drafts name. One
// that was handed in before gets the files that are still missing.
func (e *env) submitWithEvidence(c *cli.Context, envelope []byte, drafts []string) error {
	signed, err := readSigned(envelope)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Args().First(), err)
	}
	id := signed.id
	files, err := evidenceFiles(signed, drafts)
	if err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var a api.Assessment
	err = client.Post(c.Context, "/v1/assessments", api.NewAssessment{Envelope: envelope}, &a)
	var refused *api.Problem
	switch {
	case errors.As(err, &refused) && refused.Code == string(audit.CodeDuplicate):
		fmt.Fprintf(e.noteTo(c), "assessment %s was submitted before\n", id)
		err = client.Get(c.Context, "/v1/assessments/"+id, &a)
	case err == nil:
		fmt.Fprintf(e.noteTo(c), "assessment %s: submitted; an officer has to accept it\n", id)
	}
	if err != nil {
		return err
	}
	for i, f := range files {
		if err := e.handIn(c, client, id, f, fmt.Sprintf("%d of %d", i+1, len(files))); err != nil {
			return withHint(fmt.Errorf("%s: %w", f.file, err), "the assessment is submitted; the same command hands in what is missing")
		}
	}
	return e.printDone(c, a, fmt.Sprintf("  %d file(s) of evidence handed in; 'hallmark audit evidence list %s' shows what is not", len(files), id))
}

// handIn sends one file.
func (e *env) handIn(c *cli.Context, client *api.Client, id string, f handedIn, which string) error {
	root, err := os.OpenRoot(filepath.Dir(f.draft))
	if err != nil {
		return err
	}
	defer root.Close()
	file, err := root.Open(filepath.FromSlash(f.file))
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrInvalid
	}
	if err != nil {
		return err
	}
	p := e.newProgress(which+" "+f.file, info.Size())
	var kept api.EvidenceFile
	err = client.Upload(c.Context, evidencePath(id)+"/"+f.sha256, p.reader(file), info.Size(), &kept)
	p.end()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.noteTo(c), "  %s  %s  %s\n", short(f.sha256), size(info.Size()), printable(f.file))
	return err
}
