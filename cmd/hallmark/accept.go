package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

// acceptSigned puts the officer's signature under an assessment, by the key of the
// client certificate, and hands it in. What is signed is read from the bytes that are
// signed, not from what the server says of them.
func (e *env) acceptSigned(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	path := "/v1/assessments/" + url.PathEscape(c.Args().First())
	var a api.Assessment
	if err := client.Get(c.Context, path, &a); err != nil {
		return err
	}
	signed, err := readSigned(a.Envelope)
	if err != nil {
		return fmt.Errorf("what the server sent: %w", err)
	}
	if signed.id != c.Args().First() {
		return withHint(fmt.Errorf("the server sent another assessment, %s: nothing was signed", signed.id), "tell the administrator: this must not happen")
	}
	signed.print(e.noteTo(c))
	envelope, err := attest.AddSignature(c.Context, a.Envelope, client.Signer())
	if attest.Is(err, attest.AlreadySigned) { // by us, before: the server finishes what it began
		envelope, err = a.Envelope, nil
	}
	if err != nil {
		return err
	}
	return e.changeAssessment(c, path+"/accept", api.Acceptance{Envelope: envelope}, "in force")
}

// noteTo is where text for people goes: not between what programs read.
func (e *env) noteTo(c *cli.Context) io.Writer {
	if format := c.String("output"); c.Bool("json") || format != "" && format != "table" {
		return e.stderr
	}
	return e.stdout
}

// signedAssessment is what an envelope says. Its signatures have not been verified: the
// server has the auditors' keys, and verifies them.
type signedAssessment struct {
	audit.Assessment
	id      string   // the SHA-256 of the payload
	signers []string // key ids
}

// readSigned reads an envelope with an assessment.
func readSigned(envelope []byte) (signedAssessment, error) {
	u, err := attest.ParseEnvelope(envelope)
	if err != nil {
		return signedAssessment{}, err
	}
	statement, err := attest.ParseStatement(u.Payload)
	if err != nil {
		return signedAssessment{}, err
	}
	if statement.PredicateType != audit.PredicateType {
		return signedAssessment{}, fmt.Errorf("a statement of type %.80q is no assessment", statement.PredicateType)
	}
	a, err := audit.ParseAssessment(statement.Predicate)
	sum := sha256.Sum256(u.Payload)
	return signedAssessment{a, hex.EncodeToString(sum[:]), u.KeyIDs}, err
}

// print says in a few lines what a signature under it would mean.
func (a signedAssessment) print(w io.Writer) {
	var b bytes.Buffer
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %-10s %s\n", name, printable(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintln(&b, "you sign:")
	line("vendor", "%s (%s), %s", a.Vendor.Organization, a.Vendor.ID, a.Vendor.URI)
	line("framework", "%s %s, catalogue %s", a.Framework.ID, a.Framework.Track, short(a.Framework.Digest["sha256"]))
	line("level", "%d (%s)", a.Level, a.LevelID)
	line("auditor", "%s (%s)", a.Auditor.Organization, a.Auditor.ID)
	if second := a.SecondAuditor; second != nil {
		line("auditor", "%s (%s)", second.Organization, second.ID)
	}
	for _, id := range a.signers {
		line("signed by", "key %s", id)
	}
	line("assessed", "%s", moment(a.AssessedAt))
	line("valid", "until %s", moment(a.ValidUntil))
	w.Write(b.Bytes())
}
