package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/hallmark-pki/hallmark/verify/ocsp"
	"github.com/urfave/cli/v2"
)

// Bounds on what a certificate's addresses answer.
const (
	maxCRLBytes  = 8 << 20  // what verify reads of one list
	maxOCSPBytes = 64 << 10 // what verify/ocsp reads of one response
	// checkTimeout bounds each of the two exchanges: somebody waits.
	checkTimeout = 15 * time.Second
	// maxCertificateFile bounds a PEM file with a certificate and its issuer.
	maxCertificateFile = 256 << 10
)

func (e *env) certCheckCommand() *cli.Command {
	return command(cli.Command{
		Name: "check", Usage: "ask the public CRL and OCSP about a certificate and compare with the record", ArgsUsage: "SERIAL|FILE",
		Flags: []cli.Flag{jsonFlag},
		Description: `Fetches the list and asks the responder that the certificate names, judges what comes
back as a careful verifier would, and compares both with the record. FILE is PEM: the
certificate, then its issuing CA, as "cert show --out" writes it; without an identity
(hallmark enroll) a FILE is checked against list and responder alone.

Exit code 0: all say the same. 1: they disagree, or one proves nothing; each line that
begins with "!" says what.

EXAMPLE: hallmark cert check 5f0c...`,
	}, 1, 1, e.certCheck)
}

// source is what one of the two says.
type source struct {
	URL            string    `json:"url"`
	Status         string    `json:"status,omitempty"` // good, revoked or unknown; empty: it proves nothing
	Number         string    `json:"number,omitempty"` // of a CRL
	ThisUpdate     time.Time `json:"this_update,omitzero"`
	NextUpdate     time.Time `json:"next_update,omitzero"`
	RevokedAt      time.Time `json:"revoked_at,omitzero"`
	InvalidityDate time.Time `json:"invalidity_date,omitzero"`
	Reason         string    `json:"reason,omitempty"`
	Problem        string    `json:"problem,omitempty"` // why it proves nothing
}

// checkReport is what "cert check --json" prints.
type checkReport struct {
	Serial   string           `json:"serial"`
	Record   string           `json:"record"` // state on record, "not asked" or "absent"
	Revoked  *api.Revocation  `json:"revocation,omitempty"`
	CRL      source           `json:"crl"`
	OCSP     source           `json:"ocsp"`
	Problems []string         `json:"problems"`
	record   *api.Certificate // nil: not asked
}

func (e *env) certCheck(c *cli.Context) error {
	cert, issuer, record, err := e.subjectOf(c, c.Args().First())
	if err != nil {
		return err
	}
	r := checkReport{Serial: cert.SerialNumber.Text(16), Record: "not asked", record: record, Problems: []string{}}
	if record != nil {
		r.Record, r.Revoked = record.State, record.Revocation
		if !bytes.Equal(record.DER, cert.Raw) {
			r.Problems = append(r.Problems, "the record holds another certificate with this serial number")
		}
	}
	client, now := checkClient(), time.Now()
	r.CRL = checkList(c.Context, client, cert, issuer, now)
	r.OCSP = checkResponder(c.Context, client, cert, issuer)
	r.Problems = append(r.Problems, r.disagreements()...)
	if err := e.printDone(c, r, r.lines()...); err != nil {
		return err
	}
	if len(r.Problems) > 0 {
		return exitWith(exitRefused)
	}
	return nil
}

// subjectOf reads a certificate and its issuer: by serial number from the record, or from
// a file, with the record beside it when there is an identity to ask with.
func (e *env) subjectOf(c *cli.Context, arg string) (cert, issuer *x509.Certificate, record *api.Certificate, err error) {
	client, noIdentity := e.client(c)
	serial := arg
	if _, statErr := os.Stat(arg); statErr == nil {
		raw, err := e.readBounded(arg, maxCertificateFile)
		if err != nil {
			return nil, nil, nil, err
		}
		chain, err := readChain(raw)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", arg, err)
		}
		if len(chain) < 2 {
			return nil, nil, nil, withHint(fmt.Errorf("%s holds %d certificates, want two", arg, len(chain)), "the certificate and its issuing CA, as 'hallmark cert show --out FILE' writes them")
		}
		if noIdentity != nil {
			return chain[0], chain[1], nil, nil
		}
		cert, issuer, serial = chain[0], chain[1], chain[0].SerialNumber.Text(16)
	}
	if noIdentity != nil {
		return nil, nil, nil, noIdentity
	}
	record = new(api.Certificate)
	if err := client.Get(c.Context, "/v1/certificates/"+url.PathEscape(serial), record); err != nil {
		return nil, nil, nil, err
	}
	if cert != nil {
		return cert, issuer, record, nil
	}
	if len(record.Chain) == 0 {
		return nil, nil, nil, fmt.Errorf("the record of %s has no issuing CA", serial)
	}
	cert, err = x509.ParseCertificate(record.DER)
	if err == nil {
		issuer, err = x509.ParseCertificate(record.Chain[0])
	}
	return cert, issuer, record, err
}

// readChain reads every certificate of a PEM file.
func readChain(raw []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for _, der := range certificateBlocks(raw) {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		chain = append(chain, cert)
	}
	return chain, nil
}

// certificateBlocks returns the DER of every certificate of a PEM file.
func certificateBlocks(raw []byte) [][]byte {
	var blocks [][]byte
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			blocks = append(blocks, block.Bytes)
		}
	}
	return blocks
}

// checkClient follows what stands in the certificate, http included: who calls names the
// certificate, and the answers are judged by their signatures. It goes to no other host.
func checkClient() *http.Client {
	return &http.Client{Timeout: checkTimeout, CheckRedirect: outbound.CheckRedirect}
}

func exchange(ctx context.Context, client *http.Client, method, address string, body []byte, most int64) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return nil, fmt.Errorf("address %.200q: %w", address, outbound.ErrURL)
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/ocsp-request")
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		io.Copy(io.Discard, io.LimitReader(response.Body, 1<<10))
		return nil, &outbound.StatusError{Code: response.StatusCode}
	}
	return outbound.ReadAll(response.Body, most)
}

// checkList fetches the list that the certificate names and judges it.
func checkList(ctx context.Context, client *http.Client, cert, issuer *x509.Certificate, now time.Time) source {
	if len(cert.CRLDistributionPoints) == 0 {
		return source{Problem: "the certificate names no CRL"}
	}
	s := source{URL: cert.CRLDistributionPoints[0]}
	der, err := exchange(ctx, client, http.MethodGet, s.URL, nil, maxCRLBytes)
	if err != nil {
		s.Problem = err.Error()
		return s
	}
	list, err := verify.CheckCRL(der, cert, issuer, !cert.IsCA, now)
	if err != nil {
		s.Problem = err.Error()
		return s
	}
	s.Status, s.Number, s.ThisUpdate, s.NextUpdate = ocsp.Good.String(), list.Number.String(), list.ThisUpdate, list.NextUpdate
	if list.Listed {
		s.Status, s.RevokedAt, s.InvalidityDate, s.Reason = ocsp.Revoked.String(), list.RevocationDate, list.InvalidityDate, crlReason(list.Reason)
	}
	return s
}

// checkResponder asks the responder that the certificate names and judges the answer. No
// nonce is sent: what everybody is answered, from whatever cache, is what is checked.
func checkResponder(ctx context.Context, client *http.Client, cert, issuer *x509.Certificate) source {
	if len(cert.OCSPServer) == 0 {
		return source{Problem: "the certificate names no OCSP responder"}
	}
	s := source{URL: cert.OCSPServer[0]}
	query := ocsp.Query{Certificate: cert, Issuer: issuer}
	request, err := ocsp.MarshalRequest(query)
	if err != nil {
		s.Problem = err.Error()
		return s
	}
	der, err := exchange(ctx, client, http.MethodPost, s.URL, request, maxOCSPBytes)
	if err != nil {
		s.Problem = err.Error()
		return s
	}
	a, err := ocsp.Checker{}.Check(der, query)
	if err != nil {
		s.Problem = err.Error()
		return s
	}
	s.Status, s.ThisUpdate, s.NextUpdate = a.Status.String(), a.ThisUpdate, a.NextUpdate
	if a.Status == ocsp.Revoked {
		s.RevokedAt, s.Reason = a.RevokedAt, crlReason(a.Reason)
	}
	return s
}

// crlReason names a reason, RFC 5280 §5.3.1.
func crlReason(code int) string {
	names := []string{"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation",
		"certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aACompromise"}
	if code < 0 || code >= len(names) || names[code] == "" {
		return fmt.Sprintf("reason %d", code)
	}
	return names[code]
}

// disagreements compares the two with each other, and with the record when it was asked.
func (r *checkReport) disagreements() []string {
	var found []string
	add := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for _, s := range []struct {
		name string
		is   source
	}{{"CRL", r.CRL}, {"OCSP", r.OCSP}} {
		switch {
		case s.is.Problem != "":
			add("%s proves nothing: %s", s.name, s.is.Problem)
		case r.record == nil:
		case r.record.Revocation == nil && s.is.Status != ocsp.Good.String():
			add("%s says %s, the record %s", s.name, s.is.Status, r.record.State)
		case r.record.Revocation != nil && s.is.Status != ocsp.Revoked.String():
			add("%s says %s, the record revoked", s.name, s.is.Status)
		case r.record.Revocation != nil:
			found = append(found, s.is.differs(s.name, *r.record.Revocation)...)
		}
	}
	if r.record == nil && r.CRL.Status != r.OCSP.Status && r.CRL.Problem+r.OCSP.Problem == "" {
		add("CRL says %s, OCSP %s", r.CRL.Status, r.OCSP.Status)
	}
	return found
}

// differs compares a revocation with the record, in whole seconds.
func (s source) differs(name string, on api.Revocation) []string {
	var found []string
	if s.Reason != on.Reason {
		found = append(found, fmt.Sprintf("%s gives the reason %s, the record %s", name, s.Reason, on.Reason))
	}
	if !s.RevokedAt.Equal(on.RevocationDate.Truncate(time.Second)) {
		found = append(found, fmt.Sprintf("%s revokes from %s, the record from %s", name, moment(s.RevokedAt), moment(on.RevocationDate)))
	}
	if s.Number != "" && !s.InvalidityDate.Equal(on.InvalidityDate.Truncate(time.Second)) {
		found = append(found, fmt.Sprintf("%s has invalidity date %s, the record %s", name, moment(s.InvalidityDate), moment(on.InvalidityDate)))
	}
	return found
}

func (r *checkReport) lines() []string {
	lines := []string{"serial  " + r.Serial, "record  " + r.Record, r.CRL.line("CRL   "), r.OCSP.line("OCSP  ")}
	if r.Revoked != nil {
		lines[1] += fmt.Sprintf(" %s from %s", r.Revoked.Reason, moment(r.Revoked.RevocationDate))
	}
	for _, p := range r.Problems {
		lines = append(lines, "! "+p)
	}
	return lines
}

func (s source) line(name string) string {
	if s.Status == "" {
		return strings.TrimRight(name+"  - "+s.URL, " ")
	}
	text := name + "  " + s.Status
	if s.Reason != "" {
		text += fmt.Sprintf(" %s from %s", s.Reason, moment(s.RevokedAt))
	}
	if s.Number != "" {
		text += ", list " + s.Number
	}
	return text + fmt.Sprintf(", of %s until %s (%s)", moment(s.ThisUpdate), moment(s.NextUpdate), s.URL)
}
