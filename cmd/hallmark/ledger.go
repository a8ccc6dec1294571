package main

import (
	"bytes"
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
	"golang.org/x/mod/sumdb/note"
)

// maxReceiptBytes bounds a receipt file.
const maxReceiptBytes = 1 << 20

func (e *env) ledgerCommand() *cli.Command {
	return group("ledger", "the transparency log of assessments",
		command(cli.Command{
			Name: "show", Usage: "where the log stands: origin, size, checkpoint, verifier key", Flags: []cli.Flag{jsonFlag},
			Description: "EXAMPLE: hallmark ledger show",
		}, 0, 0, e.ledgerShow),
		command(cli.Command{
			Name: "entries", Usage: "what the log says about an assessment, a certificate or an auditor", ArgsUsage: "ID",
			Flags:       []cli.Flag{jsonFlag, formatFlag},
			Description: "ID is an assessment's id, a certificate's serial number or an auditor's name.\n\nEXAMPLE: hallmark ledger entries 3f5a...",
		}, 1, 1, e.ledgerEntries),
		command(cli.Command{
			Name: "receipt", Usage: "write a receipt to a file: an assessment's, or with --entry that of any entry", ArgsUsage: "[ASSESSMENT]",
			Flags: []cli.Flag{&cli.StringFlag{Name: "out", Usage: "write here (default: print)"},
				&cli.Uint64Flag{Name: "entry", Usage: "index of an entry, as 'ledger entries' prints it"}},
			Description: "EXAMPLE: hallmark ledger receipt --out receipt.txt 3f5a...",
		}, 0, 1, e.ledgerReceipt),
		command(cli.Command{
			Name: "verify", Usage: "verify a receipt offline, under the log's verifier key", ArgsUsage: "RECEIPT",
			Flags:       append([]cli.Flag{jsonFlag, &cli.StringFlag{Name: "key", Usage: "verifier key, as 'ledger show' prints it"}}, witnessFlags()...),
			Description: "EXAMPLE: hallmark ledger verify --key ca.example/log+1f2e3d4c+AaBb... receipt.txt",
		}, 1, 1, e.ledgerVerify),
		e.ledgerMonitorCommand(),
	)
}

func (e *env) ledgerShow(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var state api.LedgerState
	if err := client.Get(c.Context, "/v1/ledger", &state); err != nil {
		return err
	}
	return e.printDone(c, state,
		"origin  "+state.Origin, fmt.Sprintf("size    %d", state.Size), "key     "+state.VerifierKey,
		"", strings.TrimRight(state.Checkpoint, "\n"))
}

func (e *env) ledgerEntries(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	entries, err := api.List[api.LedgerEntry](c.Context, client, "/v1/ledger/entries", url.Values{"about": {c.Args().First()}})
	if err != nil {
		return err
	}
	slices.SortStableFunc(entries, func(a, b api.LedgerEntry) int {
		if waits := a.LoggedAt.IsZero(); waits != b.LoggedAt.IsZero() {
			return map[bool]int{true: 1, false: -1}[waits]
		}
		return cmp.Compare(a.Index, b.Index)
	})
	t := table{header: []string{"entry", "at", "type"}, records: entries}
	for _, en := range entries {
		place := "waits"
		if !en.LoggedAt.IsZero() {
			place = strconv.FormatUint(en.Index, 10)
		}
		t.rows = append(t.rows, []string{place, moment(en.At), en.Type})
	}
	return e.printTable(c, t)
}

func (e *env) ledgerReceipt(c *cli.Context) error {
	if c.IsSet("entry") == (c.Args().Len() == 1) {
		return &usageError{text: "name an assessment, or an entry with --entry", hint: "'hallmark ledger entries ID' lists entries"}
	}
	client, err := e.client(c)
	if err != nil {
		return err
	}
	if c.IsSet("entry") {
		var raw bytes.Buffer
		path := fmt.Sprintf("/v1/ledger/entries/%d/receipt", c.Uint64("entry"))
		if _, err := client.Download(c.Context, path, &raw, receipt.MaxReceipt); err != nil {
			return err
		}
		return e.writeOut(c, raw.Bytes())
	}
	var a api.Assessment
	if err := client.Get(c.Context, "/v1/assessments/"+c.Args().First(), &a); err != nil {
		return err
	}
	if len(a.Receipt) == 0 {
		return withHint(fmt.Errorf("assessment %s has no receipt: it is %s", short(a.ID), a.State), "an officer has to accept it first")
	}
	return e.writeOut(c, a.Receipt)
}

func (e *env) ledgerVerify(c *cli.Context) error {
	if err := need(c, "key"); err != nil {
		return err
	}
	key, err := note.NewVerifier(c.String("key"))
	if err != nil {
		return &usageError{text: fmt.Sprintf("--key: %v", err), hint: "'hallmark ledger show' prints it"}
	}
	witnesses, err := readWitnesses(c)
	if err != nil {
		return err
	}
	raw, err := e.readBounded(c.Args().First(), maxReceiptBytes)
	if err != nil {
		return err
	}
	r, err := receipt.Policy{Logs: []note.Verifier{key}, Witnesses: witnesses, Quorum: c.Int("quorum")}.Verify(raw)
	if err != nil {
		return err
	}
	lines := []string{fmt.Sprintf("verified: entry %d of %d in %s", r.Index, r.TreeSize, r.Origin), "  " + entryText(r.Entry)}
	for _, s := range r.Cosignatures {
		lines = append(lines, printable(fmt.Sprintf("  cosigned by %s at %s", s.Witness, moment(s.At))))
	}
	return e.printDone(c, r, lines...)
}

func witnessFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "witness", Usage: "verifier key of a witness that must have cosigned; may be repeated"},
		&cli.IntFlag{Name: "quorum", Usage: "how many of the witnesses are enough (default: all of them)"},
	}
}

func readWitnesses(c *cli.Context) (keys []note.Verifier, err error) {
	given := c.StringSlice("witness")
	for _, vkey := range given {
		key, err := receipt.NewWitness(vkey)
		if err != nil {
			return nil, &usageError{text: fmt.Sprintf("--witness: %v", err), hint: "the witness publishes it"}
		}
		keys = append(keys, key)
	}
	if n := c.Int("quorum"); c.IsSet("quorum") && (n < 1 || n > len(given)) {
		return nil, &usageError{text: fmt.Sprintf("--quorum %d of %d witnesses", n, len(given)), hint: "name each witness with --witness; a quorum is at least 1"}
	}
	return keys, nil
}
