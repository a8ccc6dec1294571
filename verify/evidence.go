package verify

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/format"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
)

// Fetcher gets what is at an https address. The address comes out of a certificate
// and is not to be trusted: verify/fetch holds the rules, and runs in a process of its own (verify/child). It returns ErrNotFound
// where there is nothing, and never more bytes than fit into memory.
type Fetcher interface {
	Fetch(ctx context.Context, url string) ([]byte, error)
}

// ErrNotFound is what a Fetcher returns when the server says that there is nothing.
var ErrNotFound = errors.New("no evidence at that address")

// staple is an opened staple: nothing in it is trusted for being there.
type staple struct {
	summary  []byte
	receipts [][]byte
	crls     []*crl
}

// readStaple reads the staple among the unsigned attributes; none is fine.
func (v *Verifier) readStaple(s signerInfo) (staple, error) {
	der, err := value(s.unsigned, v.trust.Arc.Staple())
	if err != nil || der == nil {
		return staple{}, err
	}
	parsed, err := ext.ParseStaple(der)
	if err != nil {
		return staple{}, because(StapleMalformed, "%v", err)
	}
	if len(parsed.CRLs) > maxStapledCRLs || len(parsed.Receipts) > maxReceipts {
		return staple{}, because(StapleMalformed, "%d CRLs and %d receipts, at most %d and %d", len(parsed.CRLs), len(parsed.Receipts), maxStapledCRLs, maxReceipts)
	}
	out := staple{summary: parsed.VSA, receipts: parsed.Receipts}
	for i, raw := range parsed.CRLs {
		c, err := v.memory.crl(raw)
		if err != nil {
			return staple{}, because(StapleMalformed, "CRL %d: %v", i, err)
		}
		out.crls = append(out.crls, c)
	}
	return out, nil
}

// checkEvidence demands what the policy does beyond the certificate: a verification
// summary that says PASSED about this digest, and for every claim the receipt that
// its assessment is in a log we trust. Receipts are always stapled.
//
// A provisional signature is held against the same summary, whatever the policy says
// about attestations: it is what confirms it.
func (v *inquiry) checkEvidence(ctx context.Context, verdict *Verdict, st staple, mark ext.Mark, file subject, statusOf time.Time) {
	demanded := v.policy.Attestations != NoAttestations
	if !demanded && verdict.ConfirmBy.IsZero() && !v.policy.wantsConfirmed() {
		return
	}
	about := artifact{file.digests.Signed, file.algorithm, verdict.Vendor, mark.Assurance.Claims}
	err := v.checkSummary(st.summary, about)
	// Evidence is filed under the SHA-256 of the artifact before it was signed. Where that
	// is not what is signed, a signed file does not tell it, and the staple must do.
	if err != nil && codeOf(err) != SummaryFailed && v.policy.Attestations == Fetch && about.algorithm == format.SHA256 {
		if fetched := v.fetchSummary(ctx, mark.Repository.URLs, about); codeOf(err) != NotConfirmed || codeOf(fetched) != SummaryMissing {
			err = fetched
		}
	}
	verdict.Confirmed = err == nil
	if v.toleratesProvisional(verdict, err) {
		err = v.provisional(verdict, statusOf)
	}
	verdict.refuse(err)
	if demanded {
		verdict.refuse(v.checkReceipts(st.receipts, mark.Assurance.Claims, verdict.Vendor))
	}
}

// artifact is what a summary must be about: these bytes, judged for the vendor who
// signed them, at the levels that the certificate claims. A summary made for another
// vendor of the same bytes, or for a lesser certificate, proves nothing here.
type artifact struct {
	digest    [32]byte
	algorithm string // of the digest, as in-toto subjects name it
	vendor    string
	claims    []ext.Claim
}

// checkSummary judges one DSSE envelope as the summary about an artifact.
func (v *Verifier) checkSummary(raw []byte, a artifact) error {
	_, err := v.judgeSummary(raw, a)
	return err
}

// judgeSummary is checkSummary, and says when the summary was made.
func (v *Verifier) judgeSummary(raw []byte, a artifact) (made time.Time, err error) {
	if len(raw) == 0 {
		return time.Time{}, because(SummaryMissing, "no verification summary is stapled")
	}
	if len(v.trust.VSAKeys) == 0 {
		return time.Time{}, because(SummaryInvalid, "the trust bundle names no key for verification summaries")
	}
	envelope, err := attest.ReadDocument(raw)
	if err != nil {
		return time.Time{}, because(SummaryInvalid, "%v", err)
	}
	keyring, err := v.memory.keyring()
	if err != nil {
		return time.Time{}, because(SummaryInvalid, "%v", err)
	}
	if len(envelope.Signers(keyring)) == 0 {
		return time.Time{}, because(SummaryInvalid, "no signature is by a key for verification summaries")
	}
	summary, err := attest.ParseVSA(envelope.Statement)
	if err != nil {
		return time.Time{}, because(SummaryInvalid, "%v", err)
	}
	switch err := a.isAbout(summary); {
	case err != nil:
		return time.Time{}, err
	case summary.Result != attest.Passed:
		return summary.TimeVerified, because(SummaryFailed, "%.64q says %s", summary.VerifierID, summary.Result)
	case !summary.ConfirmBy.IsZero():
		return summary.TimeVerified, because(NotConfirmed, "the summary is provisional, until %s", summary.ConfirmBy.Format(time.RFC3339))
	}
	return summary.TimeVerified, nil
}

// isAbout holds a verified summary against the artifact. The signing service names
// the resource "<vendor URI>#<product>", and a vendor's URI has no fragment.
func (a artifact) isAbout(summary attest.VSA) error {
	want := hex.EncodeToString(a.digest[:])
	if !slices.ContainsFunc(summary.Subjects, func(s attest.Subject) bool { return s.Digest[a.algorithm] == want }) {
		return because(SummaryInvalid, "the summary is about another file")
	}
	if vendor, _, _ := strings.Cut(summary.ResourceURI, "#"); vendor != a.vendor {
		return because(SummaryInvalid, "the summary was made for %.64q", vendor)
	}
	if summary.Result != attest.Passed || !summary.ConfirmBy.IsZero() {
		return nil // it names no levels then
	}
	for _, c := range a.claims {
		if !slices.Contains(summary.VerifiedLevels, c.LevelID) {
			return because(SummaryInvalid, "the summary does not verify %s", c.LevelID)
		}
	}
	return nil
}

// fetchSummary looks for the summary at every address of the certificate's
// repository. Envelopes by others are skipped; an address with an authentic summary
// decides.
func (v *Verifier) fetchSummary(ctx context.Context, urls []string, a artifact) error {
	var failed error
	for _, base := range urls {
		body, err := v.fetcher.Fetch(ctx, ext.EvidenceURL(base, a.digest))
		switch {
		case errors.Is(err, ErrNotFound):
			continue
		case err != nil:
			failed = because(EvidenceUnavailable, "%v", err)
			continue
		case len(body) > maxFetchedBytes:
			failed = because(EvidenceUnavailable, "%s: %d bytes, at most %d", base, len(body), maxFetchedBytes)
			continue
		}
		if err = v.searchSummary(body, a); err == nil || codeOf(err) == SummaryFailed {
			return err
		}
	}
	if failed != nil {
		return failed
	}
	return because(SummaryMissing, "no verification summary is stapled or in the repository")
}

// searchSummary goes through JSON Lines of envelopes. The newest summary decides: a build
// that failed may have been proved since, and one that passed may have been found out.
func (v *Verifier) searchSummary(body []byte, a artifact) error {
	decision := because(SummaryMissing, "none in the repository")
	var newest time.Time
	n := 0
	for line := range bytes.Lines(body) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if n++; n > maxFetchedEnvelopes {
			break
		}
		made, err := v.judgeSummary(line, a)
		if err != nil && codeOf(err) != SummaryFailed {
			continue
		}
		if codeOf(decision) == SummaryMissing || made.After(newest) || made.Equal(newest) && err != nil {
			decision, newest = err, made
		}
	}
	return decision
}

// checkReceipts demands for every claim a receipt for its assessment.
func (v *Verifier) checkReceipts(raw [][]byte, claims []ext.Claim, vendor string) error {
	var receipts []receipt.Receipt
	for i, r := range raw {
		verified, err := v.memory.receipt(r)
		if err != nil {
			return because(ReceiptInvalid, "receipt %d: %v", i, err)
		}
		receipts = append(receipts, verified)
	}
	for _, c := range claims {
		i := slices.IndexFunc(receipts, func(r receipt.Receipt) bool {
			return r.Entry.Type == receipt.AssessmentAccepted && r.Entry.Assessment == hex.EncodeToString(c.Assessment.Payload[:])
		})
		if i < 0 {
			return because(ReceiptMissing, "no receipt for the assessment of %s track %s", c.Framework, c.Track)
		}
		if err := explains(receipts[i], c, vendor); err != nil {
			return err
		}
	}
	return nil
}

// explains holds a log entry against the claim that refers to it. A certificate may
// claim less than was assessed, never more or something else.
func explains(r receipt.Receipt, c ext.Claim, vendor string) error {
	e, a := r.Entry, c.Assessment
	differs := ""
	switch {
	case r.Origin != a.LogOrigin:
		differs = "log"
	case r.Index != a.LogIndex:
		differs = "index"
	case e.Vendor != vendor:
		differs = "vendor"
	case e.AuditorSPKI != hex.EncodeToString(a.Auditor[:]):
		differs = "auditor"
	case e.Framework != c.Framework, e.Track != c.Track:
		differs = "framework or track"
	case e.Level < c.Level:
		differs = "level"
	}
	if differs != "" {
		return because(ReceiptInvalid, "%s of the log entry is not that of the claim about %s track %s", differs, c.Framework, c.Track)
	}
	return nil
}
