package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"maps"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/durable"
	"github.com/urfave/cli/v2"
)

// maxOrderBytes bounds order.json and answer.json; package ca refuses more.
const maxOrderBytes = 1 << 20

func (e *env) ceremonyCommand() *cli.Command {
	confirm := &cli.StringFlag{Name: "confirm", Usage: "SHA-256 of the file, instead of asking on the terminal (for rehearsals)"}
	return group("ceremony", "bring to an offline root what it has to sign, and back what it signed",
		command(cli.Command{
			Name: "show", Usage: "what an order asks for, and its SHA-256 to be read aloud", ArgsUsage: "ORDER", Flags: []cli.Flag{jsonFlag},
			Description: "EXAMPLE: hallmark ceremony show order.json",
		}, 1, 1, e.ceremonyShow),
		command(cli.Command{
			Name: "sign", Usage: "on the offline machine: make the keys that are ordered and sign", ArgsUsage: "ORDER",
			Flags: []cli.Flag{jsonFlag, confirm, keyPlaceFlag, pinFlag, frameworksFlag,
				&cli.StringFlag{Name: "vault", Usage: "folder with the offline keys; the first ceremony makes it"},
				&cli.StringFlag{Name: "instead-of", Usage: "id of an earlier order that was signed here, whose answer never came into force and which was cancelled: its certificates may be signed anew"},
				&cli.StringFlag{Name: "out", Value: "answer.json", Usage: "write the answer here, and a transcript beside it with .txt"}},
			Description: `Checks each request against its profile and the ceilings of the tiers that this
machine knows, shows names, policies and digests, and asks for the first eight digits of the order's SHA-256.
The passphrase encrypts the vault's keys; --key root=URI keeps one on a token instead.

EXAMPLE: hallmark ceremony sign --vault /media/vault --out answer.json order.json`,
		}, 1, 1, e.ceremonySign),
		command(cli.Command{
			Name: "check", Usage: "hold an answer against its order, anywhere", ArgsUsage: "ANSWER",
			Flags: []cli.Flag{jsonFlag, &cli.StringFlag{Name: "order", Usage: "the order"},
				&cli.StringFlag{Name: "known", Usage: "vault, or hierarchy folder of the CA, with the certificates there are; not for the first ceremony"}},
			Description: "EXAMPLE: hallmark ceremony check --order order.json answer.json",
		}, 1, 1, e.ceremonyCheck),
		command(cli.Command{
			Name: "import", Usage: "on the server: take up what the root signed", ArgsUsage: "ANSWER", Flags: []cli.Flag{jsonFlag, dirFlag, pinFlag, confirm},
			Description: `Everything is checked against the order that waits and against the keys here, then
the first eight digits of the answer's SHA-256 are asked for. Restart the server afterwards.

EXAMPLE: hallmark ceremony import --dir ca answer.json`,
		}, 1, 1, e.ceremonyImport),
		command(cli.Command{
			Name: "lists", Usage: "once a year: new revocation lists of the roots and of the timestamping CA", Flags: []cli.Flag{jsonFlag, dirFlag, pinFlag},
			Description: `Signs them at once if the keys are here; otherwise leaves an order.

EXAMPLE: hallmark ceremony lists --dir ca`,
		}, 0, 0, func(c *cli.Context) error {
			return e.change(c, (*ca.Site).RenewOfflineCRLs)
		}),
		command(cli.Command{
			Name: "cancel", Usage: "take back the order that waits", Flags: []cli.Flag{jsonFlag, dirFlag},
			Description: "EXAMPLE: hallmark ceremony cancel --dir ca",
		}, 0, 0, e.ceremonyCancel),
	)
}

func (e *env) ceremonyShow(c *cli.Context) error {
	raw, err := e.readBounded(c.Args().First(), maxOrderBytes)
	if err != nil {
		return err
	}
	info, err := ca.ReadOrder(raw)
	if err != nil {
		return err
	}
	return e.printDone(c, info, orderLines(info)...)
}

func orderLines(info ca.OrderInfo) []string {
	lines := []string{
		fmt.Sprintf("order %s of %s, %s, made %s", info.ID, printable(info.Name), info.Purpose, moment(info.CreatedAt)),
		"sha256 " + ca.GroupDigest(info.SHA256),
		fmt.Sprintf("of %s, %s; lists and certificates are looked for at %s; arc %s", printable(info.Organization), printable(info.Country), printable(info.PublicURL), info.Arc),
	}
	if info.InsteadOf != "" {
		lines = append(lines, "instead of order "+info.InsteadOf+": what was signed for that must never be imported; destroy its answer")
	}
	for _, cert := range info.Certificates {
		lines = append(lines, fmt.Sprintf("certificate %s: %s", cert.Name, printable(cert.CommonName)),
			fmt.Sprintf("  profile %s, signed by %s, %d policies", cert.Profile, cert.Issuer, len(cert.Policies)))
		for _, p := range cert.Policies {
			lines = append(lines, "    "+printable(p))
		}
		if cert.RequestSHA256 == "" {
			lines = append(lines, "  the key is kept, or made, where this is signed")
		} else {
			lines = append(lines, "  request sha256 "+ca.GroupDigest(cert.RequestSHA256))
		}
	}
	for _, issuer := range info.Lists {
		lines = append(lines, "revocation list of "+issuer)
	}
	return lines
}

func (e *env) ceremonySign(c *cli.Context) error {
	if err := need(c, "vault"); err != nil {
		return err
	}
	raw, err := e.readBounded(c.Args().First(), maxOrderBytes)
	if err != nil {
		return err
	}
	places, err := keyPlaces(c)
	if err != nil {
		return err
	}
	catalogue, err := readCatalogue(c.String("frameworks"))
	if err != nil {
		return err
	}
	secrets, err := e.secrets(c, "Passphrase of the vault")
	if err != nil {
		return err
	}
	var transcript []string
	answer, err := ca.SignOrder(c.Context, ca.VaultConfig{
		Dir: c.String("vault"), Secrets: secrets, Keys: places, Catalogue: catalogue, Now: time.Now, InsteadOf: c.String("instead-of"),
		Confirm: func(info ca.OrderInfo) error {
			transcript = orderLines(info)
			fmt.Fprintln(e.stderr, strings.Join(transcript, "\n"))
			return e.confirmDigest(c, "order", info.SHA256)
		},
	}, raw)
	if before := new(ca.CeremonyError); errors.As(err, &before) && before.Reason == ca.CeremonyBefore {
		return withHint(err, "two certificates of one name: find out why. If the first answer was lost and its order cancelled, --instead-of with that order's id signs this one")
	}
	if err != nil {
		return keyProblem(err)
	}
	info, err := ca.CheckAnswer(c.String("vault"), raw, answer, time.Now())
	if err != nil {
		return err
	}
	transcript = append(transcript, answerLines(info)...)
	out := c.String("out")
	if err := durable.WriteFile(out, answer, 0o644); err != nil {
		return err
	}
	if err := durable.WriteFile(out+".txt", []byte(strings.Join(transcript, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	return e.printDone(c, info, append(answerLines(info), "wrote "+out+" and "+out+".txt")...)
}

func answerLines(info ca.AnswerInfo) []string {
	lines := []string{"answer to order " + info.Order + ", signed " + moment(info.SignedAt), "sha256 " + ca.GroupDigest(info.SHA256)}
	for _, name := range slices.Sorted(maps.Keys(info.Fingerprints)) {
		lines = append(lines, "certificate "+name, "  sha256 "+ca.GroupDigest(info.Fingerprints[name]))
	}
	for _, issuer := range info.Lists {
		lines = append(lines, "revocation list of "+issuer)
	}
	return lines
}

func (e *env) ceremonyCheck(c *cli.Context) error {
	if err := need(c, "order"); err != nil {
		return err
	}
	order, err := e.readBounded(c.String("order"), maxOrderBytes)
	if err != nil {
		return err
	}
	answer, err := e.readBounded(c.Args().First(), maxOrderBytes)
	if err != nil {
		return err
	}
	info, err := ca.CheckAnswer(c.String("known"), order, answer, time.Now())
	if err != nil {
		return err
	}
	return e.printDone(c, info, append(answerLines(info), "it is what was ordered")...)
}

func (e *env) ceremonyImport(c *cli.Context) error {
	answer, err := e.readBounded(c.Args().First(), maxOrderBytes)
	if err != nil {
		return err
	}
	site, err := e.openSite(c)
	if err != nil {
		return err
	}
	change, err := site.Import(c.Context, answer, func(info ca.AnswerInfo) error {
		fmt.Fprintln(e.stderr, strings.Join(answerLines(info), "\n"))
		return e.confirmDigest(c, "answer", info.SHA256)
	})
	return e.printChange(c, change, errors.Join(err, site.Close()))
}

func (e *env) ceremonyCancel(c *cli.Context) error {
	if err := ca.CancelOrder(filepath.Join(c.String("dir"), instanceHierarchy)); err != nil {
		return err
	}
	return e.printDone(c, struct {
		Canceled bool `json:"canceled"`
	}{true}, "canceled")
}

// confirmDigest lets a person type the beginning of a digest, which nobody does
// without looking, or takes the whole of it from --confirm.
func (e *env) confirmDigest(c *cli.Context, what, digest string) error {
	given, want := strings.ToLower(strings.ReplaceAll(c.String("confirm"), " ", "")), digest
	if given == "" {
		typed, err := e.ask("First eight digits of the "+what+"'s SHA-256, as on the printed script", "confirmation", "give the whole SHA-256 with --confirm")
		if err != nil {
			return err
		}
		given, want = strings.ToLower(strings.ReplaceAll(string(typed), " ", "")), digest[:8]
	}
	if given != want {
		return withHint(&ca.CeremonyError{Reason: ca.CeremonyConfirm, Detail: "the " + what + "'s SHA-256 is not the one confirmed"}, "stop: find out which of the two was changed, and by whom")
	}
	return nil
}
