package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

func (e *env) startCommand() *cli.Command {
	return command(cli.Command{
		Name: "start", Usage: "auditors: write an empty draft with every requirement in it",
		Flags: []cli.Flag{frameworksFlag,
			&cli.StringFlag{Name: "vendor", Usage: "vendor id"},
			&cli.StringSliceFlag{Name: "framework", Usage: "framework id, or FRAMEWORK/TRACK; several make a visit"},
			&cli.StringFlag{Name: "track", Usage: "track id (default: the framework's only one)"},
			&cli.StringFlag{Name: "out", Usage: "write here (default: VENDOR-FRAMEWORK.yaml); with several frameworks, a folder"}},
		Description: `The draft holds every requirement with its text and what could prove it. What you
found last time stands beside it in comments, and the scope is the last one: for
orientation, to be looked at again.

With several frameworks, one visit: what they share goes into ` + audit.VisitFile + `,
which a draft for each includes.

EXAMPLE: hallmark audit start --vendor acme --framework slsa-v0.1 --framework cncf-sscp-v1`,
	}, 0, 0, e.auditStart)
}

// ladder is one framework and one track of it.
type ladder struct {
	framework audit.Framework
	track     string
}

// file is the usual name of a draft.
func (l ladder) file(vendor string) string {
	name := vendor + "-" + l.framework.ID
	if len(l.framework.Tracks) > 1 {
		name += "-" + l.track
	}
	return name + ".yaml"
}

// ladders reads what --framework and --track ask for.
func ladders(c *cli.Context, catalogue *audit.Catalogue) ([]ladder, error) {
	named := c.StringSlice("framework")
	if len(named) > 1 && c.String("track") != "" {
		return nil, &usageError{text: "--track with several frameworks", hint: "name each as --framework FRAMEWORK/TRACK"}
	}
	var out []ladder
	for _, name := range named {
		id, track, _ := strings.Cut(name, "/")
		framework, ok := catalogue.Lookup(id)
		if !ok {
			return nil, withHint(fmt.Errorf("there is no framework %q", id), "'hallmark audit frameworks' lists them")
		}
		if track == "" {
			track = c.String("track")
		}
		if track == "" && len(framework.Tracks) == 1 {
			track = framework.Tracks[0].ID
		}
		if track == "" {
			return nil, &usageError{text: framework.ID + " has several tracks", hint: "name one with --track, or as FRAMEWORK/TRACK; 'hallmark audit frameworks' lists them"}
		}
		if _, ok := framework.Track(track); !ok {
			return nil, withHint(fmt.Errorf("%s has no track %q", framework.ID, track), "'hallmark audit frameworks' lists them")
		}
		if slices.ContainsFunc(out, func(l ladder) bool { return l.framework.ID == id && l.track == track }) {
			return nil, &usageError{text: fmt.Sprintf("%s, track %s, is named twice", id, track), hint: "once is enough"}
		}
		out = append(out, ladder{framework, track})
	}
	return out, nil
}

func (e *env) auditStart(c *cli.Context) error {
	if err := need(c, "vendor", "framework"); err != nil {
		return err
	}
	catalogue, err := readCatalogue(c.String("frameworks"))
	if err != nil {
		return err
	}
	wanted, err := ladders(c, catalogue)
	if err != nil {
		return err
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var vendor api.Vendor
	if err := client.Get(c.Context, "/v1/vendors/"+url.PathEscape(c.String("vendor")), &vendor); err != nil {
		return err
	}
	var me api.Person
	if err := client.Get(c.Context, "/v1/whoami", &me); err != nil {
		return err
	}
	s := start{
		vendor:  audit.Party{ID: vendor.ID, URI: vendor.URI, Organization: vendor.Organization},
		auditor: audit.Party{ID: me.ID, Organization: me.Organization},
	}
	files, err := s.files(c.Context, client, wanted, c.String("out"))
	if err != nil {
		return err
	}
	if err := writeAllNew(files); err != nil {
		return err
	}
	return e.printStarted(files)
}

// start is one visit about to begin.
type start struct{ vendor, auditor audit.Party }

// newFile is a file to be written.
type newFile struct {
	name    string
	content []byte
}

// files makes what there is to write: a draft, or a visit with its drafts.
func (s start) files(ctx context.Context, client *api.Client, wanted []ladder, out string) ([]newFile, error) {
	visit := len(wanted) > 1
	var files []newFile
	var latest *audit.Assessment
	for _, l := range wanted {
		last, err := lastAssessment(ctx, client, s.vendor.ID, l)
		if err != nil {
			return nil, err
		}
		if last != nil && (latest == nil || last.AssessedAt.After(latest.AssessedAt)) {
			latest = last
		}
		raw, err := audit.NewDraft(audit.NewDraftOptions{Framework: l.framework, Track: l.track, Vendor: s.vendor, Auditor: s.auditor, Last: last, Visit: visit})
		if err != nil {
			return nil, err
		}
		name := l.file(s.vendor.ID)
		switch {
		case visit:
			name = filepath.Join(out, name)
		case out != "":
			name = out
		}
		files = append(files, newFile{name, raw})
	}
	if !visit {
		return files, nil
	}
	raw, err := audit.NewVisit(audit.NewVisitOptions{Vendor: s.vendor, Auditor: s.auditor, Last: latest})
	return append([]newFile{{filepath.Join(out, audit.VisitFile), raw}}, files...), err
}

// counted are the states of assessments that were in force once and were not taken
// back: others are no orientation.
var counted = []string{"in-force", "in-review", "superseded", "lowered", "expired"}

// lastAssessment finds what was assessed last on a ladder, as far as the caller may
// see it; nil when there is nothing.
func lastAssessment(ctx context.Context, client *api.Client, vendor string, l ladder) (*audit.Assessment, error) {
	list, err := api.List[api.Assessment](ctx, client, "/v1/assessments", url.Values{"vendor": {vendor}})
	if err != nil {
		return nil, err
	}
	var last api.Assessment
	for _, a := range list {
		if a.Framework == l.framework.ID && a.Track == l.track && slices.Contains(counted, a.State) && a.AssessedAt.After(last.AssessedAt) {
			last = a
		}
	}
	if last.ID == "" {
		return nil, nil
	}
	var full api.Assessment
	if err := client.Get(ctx, "/v1/assessments/"+url.PathEscape(last.ID), &full); err != nil {
		return nil, err
	}
	a, err := audit.ReadUnverified(full.Envelope)
	if err != nil {
		return nil, fmt.Errorf("assessment %s of %s: %w", short(last.ID), last.AssessedAt.Format(time.DateOnly), err)
	}
	return &a, nil
}

// writeAllNew writes all of the files, or none where one of them is there already.
func writeAllNew(files []newFile) error {
	for _, f := range files {
		if _, err := os.Lstat(f.name); err == nil {
			return withHint(fmt.Errorf("%s: file exists", f.name), "name another with --out: a draft is days of somebody's work")
		} else if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f.name), 0o755); err != nil {
			return err
		}
		if err := writeNew(f.name, f.content); err != nil {
			return err
		}
	}
	return nil
}

// writeNew never overwrites: a draft is days of somebody's work.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return withHint(err, "name another file with --out")
	}
	_, err = f.Write(content)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return err
}

func (e *env) printStarted(files []newFile) error {
	if len(files) == 1 {
		_, err := fmt.Fprintf(e.stdout, "wrote %s: fill it in, then run 'hallmark audit check %s'\n", files[0].name, files[0].name)
		return err
	}
	var names []string
	for _, f := range files {
		fmt.Fprintf(e.stdout, "wrote %s\n", f.name)
		names = append(names, f.name)
	}
	_, err := fmt.Fprintf(e.stdout, "fill them in, then run 'hallmark audit check %s'\n", strings.Join(names[1:], " "))
	return err
}
