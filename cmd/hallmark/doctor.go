package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/doctor"
	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/urfave/cli/v2"
	"golang.org/x/mod/sumdb/note"
)

func (e *env) doctorCommand() *cli.Command {
	return command(cli.Command{
		Name: "doctor", Usage: "hold the store, the ledger and the evidence of a stopped CA against each other",
		Flags: []cli.Flag{dirFlag, pinFlag, jsonFlag, &cli.BoolFlag{Name: "all", Usage: "also list what a crash left behind and is explained, and the keys of the CA"},
			&cli.BoolFlag{Name: "revoke-leftovers", Usage: "first put every announced certificate that was never recorded on record as revoked, and revoke those for one build that no signature came of"}},
		Description: `It changes nothing, unless --revoke-leftovers asks for it. The server must not be
running on the folder.

A crash between announcing a certificate and recording it leaves an intent. That
certificate was given to nobody, but it may have been signed: where somebody could have
read the CA's memory or its key device, revoke it. One alone: 'hallmark cert revoke
SERIAL' while the server runs. A crash between recording a certificate for one build and
the signature leaves one that nobody uses: its key is gone.

It warns when certificates, the yearly revocation lists or the metadata of the update
repository come near to their ends, and says what renews them.

EXIT CODE 1: something is not explained, or has ended.

EXAMPLE: hallmark doctor --all --dir ca --passphrase-file /run/credentials/hallmark`,
	}, 0, 0, e.doctor)
}

// examined is what 'doctor' prints.
type examined struct {
	Revoked  []string         `json:"revoked,omitempty"` // serial numbers, with --revoke-leftovers
	Problems int              `json:"problems"`
	Warnings int              `json:"warnings"`
	Notes    int              `json:"notes"`
	Findings []doctor.Finding `json:"findings"`
	Keys     []ca.KeyInfo     `json:"keys"` // of the CA: where they live, until when their certificates hold
}

// doctorName stands on record for who revoked a leftover: whoever has the folder and its
// passphrase, and no name that this program could check.
const doctorName = "doctor"

func (e *env) doctor(c *cli.Context) error {
	secrets, err := e.secrets(c, "Passphrase of the CA's keys")
	if err != nil {
		return err
	}
	ctx := c.Context
	in, err := openInstance(ctx, c.String("dir"), secrets, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	out := examined{Findings: []doctor.Finding{}, Keys: in.hierarchy.Keys()}
	if c.Bool("revoke-leftovers") {
		if out.Revoked, err = in.ca.RevokeLeftovers(ctx, 0, doctorName); err != nil {
			return errors.Join(err, in.Close(context.WithoutCancel(ctx)))
		}
		unused, err := in.ca.RevokeUnused(ctx, 0, doctorName)
		if err != nil {
			return errors.Join(err, in.Close(context.WithoutCancel(ctx)))
		}
		out.Revoked = append(out.Revoked, unused...)
	}
	err = in.examine(ctx, func(f doctor.Finding) {
		switch f.Severity {
		case doctor.Problem:
			out.Problems++
		case doctor.Warning:
			out.Warnings++
		default:
			out.Notes++
		}
		if f.Severity != doctor.Note || c.Bool("all") || c.Bool("json") {
			out.Findings = append(out.Findings, f)
		}
	})
	if err = errors.Join(err, in.Close(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	var lines []string
	for _, serial := range out.Revoked {
		lines = append(lines, "revoked "+serial)
	}
	for _, k := range out.Keys {
		if c.Bool("all") {
			lines = append(lines, fmt.Sprintf("key %s: %s, certificate until %s", k.Name, k.Place, day(k.NotAfter)))
		}
	}
	for _, f := range out.Findings {
		lines = append(lines, fmt.Sprintf("%s: %s %s", f.Severity, f.About, f.Detail))
		if f.Hint != "" {
			lines = append(lines, "  "+f.Hint)
		}
	}
	if out.Warnings > 0 {
		lines = append(lines, fmt.Sprintf("%d warning(s): somebody has to plan", out.Warnings))
	}
	if err := e.printDone(c, out, append(lines, fmt.Sprintf("%d problem(s), %d explained by a crash", out.Problems, out.Notes))...); err != nil {
		return err
	}
	if out.Problems > 0 {
		return exitWith(1)
	}
	return nil
}

// examine looks at an instance that does not serve.
func (in *instance) examine(ctx context.Context, report func(doctor.Finding)) error {
	_, vkey, err := ledger.NewSigner(in.config.LogOrigin, in.ca.LedgerKey())
	if err != nil {
		return err
	}
	key, err := note.NewVerifier(vkey)
	if err != nil {
		return err
	}
	patient := doctor.Patient{Store: in.store, Log: in.ledger, LogKey: key, CA: in.ca, Evidence: in.files, Attestations: in.rebuilds.Repository}
	if in.clock != nil {
		patient.Clock = in.clock
	}
	if patient.Expiries, err = in.expiries(ctx); err != nil {
		return err
	}
	return doctor.Examine(ctx, patient, report)
}
