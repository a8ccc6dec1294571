package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/mirror"
	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

const (
	// pushEnvelopes and pushBytes bound one call that files evidence, below what a
	// server takes.
	pushEnvelopes = 64
	pushBytes     = 8 << 20
	// minDigestPrefix is how many digits of a digest are asked for at least.
	minDigestPrefix = 4
)

var (
	evidenceVendorFlag = &cli.StringFlag{Name: "vendor", Usage: "officers and readers: whose"}
	evidenceURLFlag    = &cli.StringFlag{Name: "url", Usage: "repository as certificates name it (default: your CA's, for your vendor)"}
	privateFlag        = &cli.BoolFlag{Name: "allow-private", Usage: "--url may lead to an address that is not on the public internet"}
)

func (e *env) attestListCommand() *cli.Command {
	return command(cli.Command{
		Name: "list", Usage: "artifacts with evidence, by digest", ArgsUsage: "[PREFIX]",
		Flags: []cli.Flag{jsonFlag, formatFlag, evidenceVendorFlag,
			&cli.BoolFlag{Name: "usage", Usage: "only how much is on file, and the quota"},
		},
		Description: `With PREFIX, those whose SHA-256 begins so.

EXAMPLE: hallmark attest list 3fa9`,
	}, 0, 1, e.attestList)
}

func (e *env) attestBundleCommand() *cli.Command {
	return command(cli.Command{
		Name: "bundle", Usage: "all evidence about some files or digests in one file, to carry it over an air gap", ArgsUsage: "FILE|SHA256...",
		Flags: []cli.Flag{jsonFlag, evidenceURLFlag, privateFlag, evidenceVendorFlag,
			&cli.StringFlag{Name: "dir", Usage: "read a folder of 'attest mirror' or of the CA instead; needs --vendor"},
			&cli.StringFlag{Name: "out", Usage: "write here", Required: true},
		},
		Description: `The bundle is JSON Lines, one DSSE envelope per line, each once. 'attest push' files it at
another CA, 'attest import' in a folder, and 'attest verify' checks it under keys that you have.

EXAMPLE: hallmark attest bundle --out evidence.jsonl hello_1.0_amd64.deb`,
	}, 1, -1, e.attestBundle)
}

func (e *env) attestImportCommand() *cli.Command {
	return command(cli.Command{
		Name: "import", Usage: "file a bundle in a folder that a web server can serve", ArgsUsage: "FILE...",
		Flags: []cli.Flag{jsonFlag,
			&cli.StringFlag{Name: "dir", Usage: "the folder; DIR/VENDOR is what to serve", Required: true},
			&cli.StringFlag{Name: "vendor", Usage: "vendor id, as at the CA", Required: true},
		},
		Description: "EXAMPLE: hallmark attest import --dir /srv/evidence --vendor acme evidence.jsonl",
	}, 1, -1, e.attestImport)
}

// evidenceQuery is the query of a call about some vendor's evidence.
func evidenceQuery(c *cli.Context) string {
	if v := c.String("vendor"); v != "" {
		return "?" + url.Values{"vendor": {v}}.Encode()
	}
	return ""
}

// isDigestPrefix tells the beginning of a digest from the name of a file.
func isDigestPrefix(arg string) bool {
	if len(arg) < minDigestPrefix || len(arg) >= 64 || strings.Trim(arg, "0123456789abcdef") != "" {
		return false
	}
	_, err := os.Stat(arg)
	return errors.Is(err, fs.ErrNotExist)
}

func (e *env) attestPush(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	envelopes, stored := 0, api.StoredAttestations{SHA256: []string{}}
	for _, path := range c.Args().Slice() {
		for some, err := range readPortions(path) {
			if err != nil {
				return withHint(fmt.Errorf("%s: %w", path, err), "one DSSE envelope per line is wanted, or a Sigstore bundle")
			}
			var filed api.StoredAttestations
			if err := client.Post(c.Context, "/v1/attestations", api.NewAttestations{Envelopes: some}, &filed); err != nil {
				return err
			}
			envelopes += len(some)
			stored.SHA256 = append(stored.SHA256, filed.SHA256...)
		}
	}
	slices.Sort(stored.SHA256)
	stored.SHA256 = slices.Compact(stored.SHA256)
	lines := []string{fmt.Sprintf("filed %d envelope(s) under", envelopes)}
	for _, digest := range stored.SHA256 {
		lines = append(lines, "  sha256:"+digest)
	}
	return e.printDone(c, stored, lines...)
}

// readPortions yields the envelopes of a bundle, as many as fit into one call.
func readPortions(path string) iter.Seq2[[][]byte, error] {
	return func(yield func([][]byte, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		if one, err := readSingle(f); one != nil || err != nil {
			yield([][]byte{one}, err)
			return
		}
		var some [][]byte
		size := 0
		for line, err := range repository.ReadBundle(f) {
			if err != nil {
				yield(nil, err)
				return
			}
			if len(some) == pushEnvelopes || size+len(line) > pushBytes {
				if !yield(some, nil) {
					return
				}
				some, size = nil, 0
			}
			some = append(some, line)
			size += len(line)
		}
		if len(some) > 0 {
			yield(some, nil)
		}
	}
}

// readSingle reads a file that is one document on any number of lines, as cosign and
// in-toto write them: a Sigstore bundle or an envelope. Nil if it is something else, which
// is then read from its beginning.
func readSingle(f *os.File) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(f, attest.MaxEnvelope+1))
	if err != nil {
		return nil, err
	}
	envelope, err := attest.AsEnvelope(raw)
	if err != nil {
		return nil, err
	}
	if _, err := attest.ParseEnvelope(envelope); err == nil {
		return envelope, nil
	}
	_, err = f.Seek(0, io.SeekStart)
	return nil, err
}

func (e *env) attestList(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	if c.Bool("usage") {
		var u api.AttestationUsage
		if err := client.Get(c.Context, "/v1/attestation-usage"+evidenceQuery(c), &u); err != nil {
			return err
		}
		return e.printDone(c, u, fmt.Sprintf("vendor %s: %d of %d envelopes, %d of %d bytes", u.Vendor, u.Envelopes, u.MaxEnvelopes, u.Bytes, u.MaxBytes))
	}
	t := table{header: []string{"sha256", "bytes", "changed"}}
	records := []api.AttestedArtifact{}
	for a, err := range listAttested(c, client, c.Args().First()) {
		if err != nil {
			return err
		}
		records = append(records, a)
		t.rows = append(t.rows, []string{a.SHA256, fmt.Sprint(a.Bytes), day(a.ModifiedAt)})
	}
	t.records = records
	return e.printTable(c, t)
}

// listAttested goes through all pages.
func listAttested(c *cli.Context, client *api.Client, prefix string) iter.Seq2[api.AttestedArtifact, error] {
	return func(yield func(api.AttestedArtifact, error) bool) {
		query := url.Values{}
		for key, value := range map[string]string{"vendor": c.String("vendor"), "prefix": prefix} {
			if value != "" {
				query.Set(key, value)
			}
		}
		for {
			var page api.Page[api.AttestedArtifact]
			if err := client.Get(c.Context, "/v1/attestations?"+query.Encode(), &page); err != nil {
				yield(api.AttestedArtifact{}, err)
				return
			}
			for _, a := range page.Items {
				if !yield(a, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query.Set("after", page.Next)
		}
	}
}

// digestArguments are files to hash, or digests.
func digestArguments(c *cli.Context) ([]string, error) {
	var out []string
	for _, arg := range c.Args().Slice() {
		digest, err := digestArgument(arg)
		if err != nil {
			return nil, err
		}
		out = append(out, digest)
	}
	return out, nil
}

// bundled says what an 'attest bundle' has written, or an 'attest import' has read.
type bundled struct {
	File      string `json:"file"`
	Artifacts int    `json:"artifacts"`
	Envelopes int    `json:"envelopes"`
}

func (e *env) attestBundle(c *cli.Context) (err error) {
	digests, err := digestArguments(c)
	if err != nil {
		return err
	}
	read, err := e.evidenceReader(c)
	if err != nil {
		return err
	}
	var content bytes.Buffer
	b := repository.NewBundle(&content)
	for _, digest := range digests {
		lines, err := read(digest)
		if err != nil {
			return err
		}
		if len(lines) == 0 {
			return withHint(fmt.Errorf("no evidence about sha256:%s", digest), "'hallmark attest list' shows what there is")
		}
		if err := b.Add(lines...); err != nil {
			return err
		}
	}
	if err := os.WriteFile(c.String("out"), content.Bytes(), 0o644); err != nil {
		return err
	}
	done := bundled{c.String("out"), len(digests), b.Len()}
	return e.printDone(c, done, fmt.Sprintf("wrote %s: %d envelope(s) about %d artifact(s)", done.File, done.Envelopes, done.Artifacts))
}

// evidenceReader reads evidence from where the flags say.
func (e *env) evidenceReader(c *cli.Context) (func(digest string) ([][]byte, error), error) {
	if dir := c.String("dir"); dir != "" {
		vendor := c.String("vendor")
		if vendor == "" {
			return nil, &usageError{text: "--dir needs --vendor", hint: "the folder's name below DIR"}
		}
		return func(digest string) ([][]byte, error) {
			lines, err := repository.ReadFile(filepath.Join(dir, vendor, "sha256", digest[:2], digest+".jsonl"))
			if errors.Is(err, fs.ErrNotExist) {
				return nil, nil
			}
			return lines, err
		}, nil
	}
	if base := c.String("url"); base != "" {
		policy, err := e.reach(c, base, "")
		if err != nil {
			return nil, err
		}
		return func(digest string) ([][]byte, error) { return mirror.Fetch(c.Context, policy, base, digest) }, nil
	}
	client, err := e.client(c)
	if err != nil {
		return nil, err
	}
	return func(digest string) ([][]byte, error) {
		var found api.Attestations
		err := client.Get(c.Context, "/v1/attestations/"+digest+evidenceQuery(c), &found)
		return found.Envelopes, err
	}, nil
}

func (e *env) attestImport(c *cli.Context) error {
	into, err := repository.Open(c.String("dir"))
	if err != nil {
		return err
	}
	done := bundled{File: c.String("dir")}
	digests := map[string]bool{}
	for _, path := range c.Args().Slice() {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		n, filed, err := into.Import(c.Context, c.String("vendor"), f)
		f.Close()
		done.Envelopes += n
		for d := range filed {
			digests[d] = true
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	done.Artifacts = len(digests)
	return e.printDone(c, done, fmt.Sprintf("%s: %d envelope(s) about %d artifact(s) are on file", done.File, done.Envelopes, done.Artifacts))
}
