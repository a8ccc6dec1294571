package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
	"go.step.sm/crypto/pemutil"
)

func (e *env) attestCommand() *cli.Command {
	key := &cli.StringFlag{Name: "key", Usage: "private key: " + keyForms}
	out := &cli.StringFlag{Name: "out", Usage: "write here (default: print)"}
	return group("attest", "make, push and read attestations about builds",
		command(cli.Command{
			Name: "keygen", Usage: "make a P-256 key pair for a builder: NAME.key and NAME.pub", ArgsUsage: "NAME",
			Description: "The .pub file goes into the auditor's draft (key_files of the builder).\n\nEXAMPLE: hallmark attest keygen builder",
		}, 1, 1, e.attestKeygen),
		command(cli.Command{
			Name: "provenance", Usage: "builders: write and sign SLSA provenance v1, one statement per file", ArgsUsage: "FILE...",
			Flags: []cli.Flag{key, out,
				&cli.StringFlag{Name: "builder-id", Usage: "URI of the builder, as in the audited scope"},
				&cli.StringFlag{Name: "build-type", Usage: "URI of the build type"},
				&cli.StringFlag{Name: "source", Usage: "repository, e.g. git+https://git.acme.example/hello@refs/tags/v1.0"},
				&cli.StringFlag{Name: "commit", Usage: "commit the source was at, hex"},
			},
			Description: `EXAMPLE: hallmark attest provenance --key builder.key --builder-id https://ci.acme.example/builder \
            --build-type https://ci.acme.example/make@v1 --source git+https://git.acme.example/hello \
            --commit 5d1f... --out hello.intoto.jsonl hello_1.0_amd64.deb`,
		}, 1, -1, e.attestProvenance),
		command(cli.Command{
			Name: "sign", Usage: "sign an in-toto statement, link or layout as a DSSE envelope", ArgsUsage: "FILE", Flags: []cli.Flag{key, out},
			Description: "EXAMPLE: hallmark attest sign --key scanner.key --out scan.intoto.jsonl scan.json",
		}, 1, 1, e.attestSign),
		e.attestCommitCommand(),
		command(cli.Command{
			Name: "push", Usage: "vendors: file envelopes in the attestation repository", ArgsUsage: "FILE...", Flags: append([]cli.Flag{jsonFlag}, tokenFlags...),
			Description: `Each file holds one DSSE envelope per line; a bundle of 'attest bundle' is such a file.
A Sigstore bundle is taken too, one in a file or one per line: its envelope is filed, with
the certificate and timestamps beside it.
What is on file already is not filed twice, and nothing is ever removed.

EXAMPLE: hallmark attest push hello.intoto.jsonl`,
		}, 1, -1, e.attestPush),
		e.attestListCommand(), e.attestBundleCommand(), e.attestImportCommand(), e.attestMirrorCommand(),
		command(cli.Command{
			Name: "show", Usage: "vendors: what the repository holds about a file or digest", ArgsUsage: "FILE|SHA256", Flags: []cli.Flag{jsonFlag, formatFlag, evidenceVendorFlag},
			Description: `Lists what envelopes claim; 'sign --explain' says what they prove. Of a digest the first
digits are enough, four at least, if they are of one artifact only.

EXAMPLE: hallmark attest show hello_1.0_amd64.deb`,
		}, 1, 1, e.attestShow),
		e.attestLayoutCommand(),
		command(cli.Command{
			Name: "verify", Usage: "verify envelopes under public keys and print their statements", ArgsUsage: "FILE",
			Flags:       []cli.Flag{&cli.StringSliceFlag{Name: "key", Usage: "public key, PEM (repeatable)"}},
			Description: "EXAMPLE: hallmark attest verify --key builder.pub hello.intoto.jsonl",
		}, 1, 1, e.attestVerify),
	)
}

func (e *env) attestKeygen(c *cli.Context) error {
	name := c.Args().First()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	for suffix, half := range map[string]any{".key": crypto.PrivateKey(key), ".pub": key.Public()} {
		path := name + suffix
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return withHint(fmt.Errorf("%s exists", path), "choose another name; keys are never overwritten")
		}
		block, err := pemutil.Serialize(half, pemutil.WithPKCS8(true))
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	id, err := attest.KeyID(key.Public())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "wrote %s.key and %s.pub (key id %s)\n", name, name, id)
	return err
}

// attestProvenance writes one statement for each file: provenance that lists
// several artifacts does not say which of them was meant, and the gate refuses it.
func (e *env) attestProvenance(c *cli.Context) error {
	if err := need(c, "key", "builder-id", "build-type", "source", "commit"); err != nil {
		return err
	}
	signer, err := e.readKey(c, c.String("key"))
	if err != nil {
		return err
	}
	defer signer.Close()
	var envelopes []byte
	for _, path := range c.Args().Slice() {
		t, err := openOrHash(path)
		if err != nil {
			return err
		}
		statement, err := attest.NewProvenanceV1(attest.Build{
			Subjects:  []attest.Subject{{Name: filepath.Base(path), Digest: t.stated()}},
			BuilderID: c.String("builder-id"), BuildType: c.String("build-type"),
			Source: attest.ResourceDescriptor{URI: c.String("source"), Digest: map[string]string{"gitCommit": c.String("commit")}},
		})
		if err != nil {
			return err
		}
		envelope, err := attest.SignStatement(c.Context, statement, signer)
		if err != nil {
			return err
		}
		envelopes = append(append(envelopes, envelope...), '\n')
	}
	return e.writeOut(c, envelopes)
}

func (e *env) attestSign(c *cli.Context) error {
	if err := need(c, "key"); err != nil {
		return err
	}
	raw, err := e.readBounded(c.Args().First(), attest.MaxEnvelope)
	if err != nil {
		return err
	}
	if _, err := attest.FiledPayload(raw); err != nil {
		return err
	}
	signer, err := e.readKey(c, c.String("key"))
	if err != nil {
		return err
	}
	defer signer.Close()
	envelope, err := attest.Sign(c.Context, attest.PayloadType, raw, signer)
	if err != nil {
		return err
	}
	return e.writeOut(c, append(envelope, '\n'))
}

// digestArgument takes a digest as it is, and anything else as a file to hash.
func digestArgument(arg string) (string, error) {
	if raw, err := hex.DecodeString(arg); err == nil && len(raw) == 32 {
		return strings.ToLower(arg), nil
	}
	_, digest, err := unsignedDigest(arg)
	return hex.EncodeToString(digest[:]), err
}

func (e *env) attestShow(c *cli.Context) error {
	digest := c.Args().First()
	if !isDigestPrefix(digest) {
		var err error
		if digest, err = digestArgument(digest); err != nil {
			return err
		}
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var found api.Attestations
	if err := client.Get(c.Context, "/v1/attestations/"+digest+evidenceQuery(c), &found); err != nil {
		return err
	}
	t := table{header: []string{"claims to be", "key hints"}, records: found}
	for _, raw := range found.Envelopes {
		unverified, err := attest.ParseEnvelope(raw)
		if err != nil {
			return err
		}
		t.rows = append(t.rows, []string{claimed(unverified.Payload), strings.Join(unverified.KeyIDs, " ")})
	}
	return e.printTable(c, t)
}

// claimed is what a payload says it is. What the server has filed is one of these.
func claimed(payload []byte) string {
	if attest.IsLayout(payload) {
		return "in-toto layout"
	}
	if l, err := attest.ParseStepLink(payload); err == nil {
		return "in-toto link of step " + l.Name
	}
	s, err := attest.ParseStatement(payload)
	if err != nil {
		return "unknown: " + err.Error()
	}
	return s.PredicateType
}

func (e *env) attestVerify(c *cli.Context) error {
	if err := need(c, "key"); err != nil {
		return err
	}
	var keys []crypto.PublicKey
	for _, path := range c.StringSlice("key") {
		raw, err := e.readBounded(path, maxKeyFileBytes)
		if err != nil {
			return err
		}
		key, err := attest.ParsePublicKey(string(raw))
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		keys = append(keys, key)
	}
	envelopes, err := repository.ReadFile(c.Args().First())
	if err != nil {
		return err
	}
	for i, raw := range envelopes {
		opened, err := attest.Open(raw, keys...)
		if err != nil {
			return fmt.Errorf("envelope %d: %w", i+1, err)
		}
		fmt.Fprintf(e.stderr, "envelope %d: verified, signed by %s\n", i+1, strings.Join(opened.Signers, " "))
		if _, err := fmt.Fprintf(e.stdout, "%s\n", opened.Payload); err != nil {
			return err
		}
	}
	return nil
}
