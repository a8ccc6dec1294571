package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/urfave/cli/v2"
)

// maxAttestationBytes bounds a key attestation; the server has its own bound.
const maxAttestationBytes = 64 << 10

var (
	daysFlag              = &cli.IntFlag{Name: "days", Usage: "validity (default: as long as the profile and the assessments allow)"}
	profileFlag           = &cli.StringFlag{Name: "profile", Usage: "code-signing (up to 460 days) or short-lived (up to 7)"}
	attestationFlag       = &cli.StringFlag{Name: "attestation", Usage: "file in which the maker of your hardware states that it keeps the key of --csr"}
	attestationFormatFlag = &cli.StringFlag{Name: "attestation-format", Value: "yubikey", Usage: "yubikey (PEM of slot and F9), step or tpm (attestation object)"}
	certificateOutFlag    = &cli.StringFlag{Name: "out", Usage: "write certificate and issuing CA to this PEM file"}
)

// keyFlags reads what a vendor brings along of a key of its own.
func (e *env) keyFlags(c *cli.Context) (csr []byte, a *api.KeyAttestation, err error) {
	if path := c.String("csr"); path != "" {
		if csr, err = e.readBounded(path, maxCSRBytes); err != nil {
			return nil, nil, err
		}
	}
	path := c.String("attestation")
	if path == "" {
		if c.IsSet("attestation-format") {
			return nil, nil, &usageError{text: "--attestation-format goes with --attestation", hint: "name the file with the attestation"}
		}
		return csr, nil, nil
	}
	if csr == nil {
		return nil, nil, &usageError{text: "--attestation goes with --csr", hint: "a key that the service makes is not in your hardware"}
	}
	raw, err := e.readBounded(path, maxAttestationBytes)
	if err != nil {
		return nil, nil, err
	}
	return csr, &api.KeyAttestation{Format: c.String("attestation-format"), Data: raw}, nil
}

// postForCertificate asks for a certificate and shows what comes back: it, or the
// request that waits for an officer.
func (e *env) postForCertificate(c *cli.Context, path string, in any) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var out api.CertificateAnswer
	if err := client.Post(c.Context, path, in, &out); err != nil {
		return err
	}
	if q := out.Request; q != nil {
		lines := append([]string{fmt.Sprintf("requested %s: it waits for an officer", q.ID)}, requestLines(*q)...)
		return e.printDone(c, out, append(lines, "  next    'hallmark cert fetch "+q.ID+"' once it is approved")...)
	}
	if out.Certificate == nil {
		return errors.New("the server answered neither a certificate nor a request")
	}
	cert := *out.Certificate
	if err := writeCertificate(c.String("out"), cert); err != nil {
		return err
	}
	lines := []string{
		fmt.Sprintf("issued %s", cert.Serial), "  claims  " + claimsText(cert.Claims), "  tier    " + cert.Tier,
		"  until   " + moment(cert.NotAfter), "  key     held by the " + cert.KeyHeldBy,
	}
	if cert.Replaces != "" {
		lines = append(lines, "  renews  "+cert.Replaces)
	}
	return e.printDone(c, cert, lines...)
}

// requestLines are what an officer wants to know of a request.
func requestLines(q api.CertificateRequest) []string {
	lines := []string{
		"  vendor  " + q.Vendor, "  claims  " + claimsText(q.Claims), "  tier    " + q.Tier, "  profile " + q.Profile,
		"  key     held by the " + q.KeyHeldBy + ", SHA-256 " + q.KeySHA256,
	}
	switch h := q.Hardware; {
	case h != nil:
		lines = append(lines, fmt.Sprintf("  keeper  %s %s: %s", h.Format, h.Device, strings.Join(h.Details, ", ")))
	case q.Waiver != "":
		lines = append(lines, "  keeper  not shown to be hardware, waived: "+q.Waiver)
	default:
		lines = append(lines, "  keeper  not shown to be hardware")
	}
	if q.Replaces != "" {
		lines = append(lines, "  renews  "+q.Replaces)
	}
	if q.State == "pending" || q.State == "approved" {
		lines = append(lines, "  until   "+moment(q.ExpiresAt))
	}
	return lines
}

func (e *env) certRequestsCommand() *cli.Command {
	list := command(cli.Command{
		Name: "requests", Usage: "requests that an officer has to agree to",
		Flags: []cli.Flag{jsonFlag, formatFlag,
			&cli.StringFlag{Name: "vendor", Usage: "only this vendor's"},
			&cli.StringFlag{Name: "state", Usage: "pending, approved, denied, issued or expired"},
		},
		Description: "EXAMPLE: hallmark cert requests --state pending",
	}, 0, 0, e.requestList)
	list.Subcommands = []*cli.Command{command(cli.Command{
		Name: "show", Usage: "one request, with what is known of its key", ArgsUsage: "ID", Flags: []cli.Flag{jsonFlag},
		Description: "EXAMPLE: hallmark cert requests show 20261122T120000.000000000Z-5f0c...",
	}, 1, 1, e.requestShow)}
	return list
}

func (e *env) requestList(c *cli.Context) error {
	query := filters(c, "vendor", "state")
	client, err := e.client(c)
	if err != nil {
		return err
	}
	requests, err := api.List[api.CertificateRequest](c.Context, client, "/v1/requests", query)
	if err != nil {
		return err
	}
	t := table{header: []string{"id", "vendor", "tier", "claims", "state", "hardware", "until"}, records: requests}
	for _, q := range requests {
		hardware := "no"
		if q.Hardware != nil {
			hardware = q.Hardware.Format + " " + q.Hardware.Device
		} else if q.Waiver != "" {
			hardware = "waived"
		}
		t.rows = append(t.rows, []string{q.ID, q.Vendor, q.Tier, claimsText(q.Claims), q.State, hardware, moment(q.ExpiresAt)})
	}
	return e.printTable(c, t)
}

func (e *env) requestShow(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var q api.CertificateRequest
	if err := client.Get(c.Context, "/v1/requests/"+url.PathEscape(c.Args().First()), &q); err != nil {
		return err
	}
	return e.printRequest(c, q)
}

func (e *env) printRequest(c *cli.Context, q api.CertificateRequest) error {
	lines := append([]string{fmt.Sprintf("%s %s", q.State, q.ID)}, requestLines(q)...)
	lines = append(lines, "  asked   "+moment(q.At)+" by "+q.By)
	if q.DecidedBy != "" {
		lines = append(lines, "  decided "+moment(q.DecidedAt)+" by "+q.DecidedBy)
	}
	if q.Note != "" {
		lines = append(lines, "  note    "+q.Note)
	}
	if q.Certificate != "" {
		lines = append(lines, "  issued  "+q.Certificate)
	}
	return e.printDone(c, q, lines...)
}

func (e *env) certApproveCommand() *cli.Command {
	return command(cli.Command{
		Name: "approve", Usage: "officers: agree to a request", ArgsUsage: "ID",
		Flags: []cli.Flag{jsonFlag,
			&cli.StringFlag{Name: "note", Usage: "for the record; the vendor reads it"},
			&cli.StringFlag{Name: "waive-hardware", Usage: "why the key need not be shown to live in hardware"},
		},
		Description: `The vendor collects the certificate within 7 days; then everything is checked again,
you included. Who is of the vendor's organisation, or of one that owns it, decides nothing.

EXAMPLE: hallmark cert approve --note "called them back" 20261122T120000.000000000Z-5f0c...
EXAMPLE: hallmark cert approve --waive-hardware "key made on an HSM, we watched" 20261122T12...`,
	}, 1, 1, func(c *cli.Context) error {
		return e.decideRequest(c, "approve", api.Approval{Note: c.String("note"), WaiveHardware: c.String("waive-hardware")})
	})
}

func (e *env) certDenyCommand() *cli.Command {
	return command(cli.Command{
		Name: "deny", Usage: "officers: refuse a request, or take an approval back", ArgsUsage: "ID",
		Flags:       []cli.Flag{jsonFlag, &cli.StringFlag{Name: "reason", Usage: "the vendor reads it"}},
		Description: `EXAMPLE: hallmark cert deny --reason "nobody there knows of it" 20261122T120000.000000000Z-5f0c...`,
	}, 1, 1, func(c *cli.Context) error {
		if err := need(c, "reason"); err != nil {
			return err
		}
		return e.decideRequest(c, "deny", api.Denial{Reason: c.String("reason")})
	})
}

func (e *env) decideRequest(c *cli.Context, verb string, in any) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var q api.CertificateRequest
	if err := client.Post(c.Context, "/v1/requests/"+url.PathEscape(c.Args().First())+"/"+verb, in, &q); err != nil {
		return err
	}
	return e.printRequest(c, q)
}

func (e *env) certFetchCommand() *cli.Command {
	return command(cli.Command{
		Name: "fetch", Usage: "vendors: collect the certificate of an approved request", ArgsUsage: "ID",
		Flags: []cli.Flag{jsonFlag, certificateOutFlag},
		Description: `It is issued now, after everything has been checked again. Fetching once more shows the
certificate that was issued.

EXAMPLE: hallmark cert fetch --out acme.pem 20261122T120000.000000000Z-5f0c...`,
	}, 1, 1, func(c *cli.Context) error {
		return e.postForCertificate(c, "/v1/requests/"+url.PathEscape(c.Args().First())+"/certificate", nil)
	})
}

func (e *env) certRenewCommand(rekey bool) *cli.Command {
	conf := cli.Command{
		Name: "renew", Usage: "vendors: a certificate that says the same, for the same key", ArgsUsage: "SERIAL",
		Flags: []cli.Flag{jsonFlag,
			&cli.StringFlag{Name: "csr", Usage: "PKCS#10 file, signed with the certificate's key (not needed for a key that the service holds)"},
			daysFlag, profileFlag, attestationFlag, attestationFormatFlag, certificateOutFlag,
		},
		Description: `Everything is checked as for a first certificate; a revoked one is not renewed. The old
certificate stays what it is.

EXAMPLE: hallmark cert renew --csr acme.csr --out acme.pem 5f0c...`,
	}
	if rekey {
		conf.Name, conf.Usage = "rekey", "vendors: a certificate that says the same, for another key"
		conf.Flags[1] = &cli.StringFlag{Name: "csr", Usage: "PKCS#10 file for the new key (default: the signing service makes and keeps it)"}
		conf.Description = strings.ReplaceAll(conf.Description, "cert renew --csr acme.csr", "cert rekey --csr new.csr")
	}
	return command(conf, 1, 1, func(c *cli.Context) error {
		in := api.NewRenewal{ValidityDays: c.Int("days"), Profile: c.String("profile")}
		var err error
		if in.CSR, in.Attestation, err = e.keyFlags(c); err != nil {
			return err
		}
		return e.postForCertificate(c, "/v1/certificates/"+url.PathEscape(c.Args().First())+"/"+conf.Name, in)
	})
}
