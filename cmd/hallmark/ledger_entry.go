package main

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
)

// revocationName says in words why a certificate was revoked, from the number in its
// entry.
func revocationName(reason int) string {
	switch reason {
	case 0:
		return "unspecified"
	case 1:
		return "key compromise"
	case 2:
		return "CA compromise"
	case 3:
		return "affiliation changed"
	case 4:
		return "superseded"
	case 5:
		return "cessation of operation"
	case 6:
		return "certificate hold"
	case 9:
		return "privilege withdrawn"
	case 10:
		return "attribute authority compromise"
	}
	return fmt.Sprintf("reason %d", reason)
}

// entryText is an entry of the log as one line for people: when, what, about whom.
func entryText(e receipt.Entry) string {
	text := fmt.Sprintf("%s  %-21s  ", moment(e.At), e.Type)
	switch e.Type {
	case receipt.AssessmentSubmitted, receipt.AssessmentRejected:
		text += "commitment " + short(e.Commitment)
	case receipt.AuditorAccredited:
		text += fmt.Sprintf("auditor %s  for %s  from %s until %s", short(e.Auditor), e.Framework, moment(e.Effective), moment(e.Until))
	case receipt.AuditorKey:
		text += fmt.Sprintf("auditor %s  signs with key %s", short(e.Auditor), short(e.AuditorSPKI))
	case receipt.AuditorSuspended:
		text += fmt.Sprintf("auditor %s  for %s", short(e.Auditor), e.Framework)
	case receipt.AuditorRevoked:
		text += "auditor " + short(e.Auditor)
	case receipt.CertificateIssued:
		text += fmt.Sprintf("%s  serial %s  tier %s  until %s  on %s", e.Vendor, e.Serial, e.Tier, moment(e.Until), shortAll(e.Assessments))
	case receipt.CertificateRevoked:
		text += fmt.Sprintf("%s  serial %s  tier %s  %s", e.Vendor, e.Serial, e.Tier, revocationName(e.RevocationReason))
	case receipt.SignatureMade, receipt.ApprovalGiven, receipt.ApprovalDenied, receipt.PolicyChanged:
		text += fmt.Sprintf("signer %s  commitment %s", short(e.Signer), short(e.Commitment))
	case receipt.OfficerEnrolled:
		text += "certificate " + short(e.Certificate)
	case receipt.CertificateHeld:
		text += fmt.Sprintf("%s  serial %s  tier %s  until %s", e.Vendor, e.Serial, e.Tier, moment(e.Until))
	default:
		text += fmt.Sprintf("%s level %d  %s  assessment %s  by auditor %s", strings.TrimSpace(e.Framework+" "+e.Track), e.Level, e.Vendor, short(e.Assessment), short(e.AuditorSPKI))
		if e.SecondAuditorSPKI != "" {
			text += " and " + short(e.SecondAuditorSPKI)
		}
	}
	return printable(text + ending(e))
}

// ending says since when, and why, where an entry does.
func ending(e receipt.Entry) (text string) {
	if !e.Effective.IsZero() && e.Type != receipt.AuditorAccredited {
		text += "  since " + moment(e.Effective)
	}
	if !e.Invalidity.IsZero() {
		text += fmt.Sprintf(" (invalid since %s)", e.Invalidity.Format(time.RFC3339))
	}
	if e.Reason != "" {
		text += fmt.Sprintf(": %q", e.Reason)
	}
	return text
}

func shortAll(ids []string) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = short(id)
	}
	return "assessment " + strings.Join(list, ", ")
}

// printable keeps what somebody had logged from steering the reader's terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
