package verify_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/test/pki"
	"github.com/hallmark-pki/hallmark/verify"
)

// revoke lists a certificate on the CRL of its issuer, number 8, edited on top.
func revoke(r pki.Revocation, edits ...func(*x509.RevocationList)) func(*testing.T, *pki.PKI, *verify.Config) {
	return func(t *testing.T, p *pki.PKI, c *verify.Config) {
		t.Helper()
		edits = append([]func(*x509.RevocationList){r.Revoke(t, p.Leaf.Cert)}, edits...)
		c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.High, 8, edits...))
	}
}

// onlyCRL replaces the issuing CA's CRL.
func onlyCRL(edits ...func(*x509.RevocationList)) func(*testing.T, *pki.PKI, *verify.Config) {
	return func(t *testing.T, p *pki.PKI, c *verify.Config) {
		t.Helper()
		c.Status.CRLs = [][]byte{p.CRL(t, p.High, 8, edits...)}
	}
}

// Times relative to the signature at 11:00; the clock stands at 12:00.
var (
	before = time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	at     = time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	after  = time.Date(2026, 3, 1, 11, 30, 0, 0, time.UTC)
)

func critical(oid ...int) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier(oid), Critical: true, Value: []byte{5, 0}}
}

// point is an issuing distribution point for one URL, as pki.Point makes it.
func point(url string, more ...byte) func(*x509.RevocationList) {
	return func(l *x509.RevocationList) { l.ExtraExtensions = append(l.ExtraExtensions, pki.Point(url, more...)) }
}

// authorities is a distribution point for CA certificates where point has one for
// those of users.
func authorities(l *x509.RevocationList) {
	e := pki.Point(pki.CRLURL)
	e.Value[len(e.Value)-3] = 0x82
	l.ExtraExtensions = append(l.ExtraExtensions, e)
}

func revocationNegatives() []negative {
	unstamped := edit(func(c *pki.CMS) { c.Token = nil })
	ifAvailable := func(f func(*testing.T, *pki.PKI, *verify.Config)) func(*testing.T, *pki.PKI, *verify.Config) {
		return func(t *testing.T, p *pki.PKI, c *verify.Config) {
			c.Policy.Revocation, c.Policy.Timestamp = verify.IfAvailable, verify.IfAvailable
			f(t, p, c)
		}
	}
	expired := func(l *x509.RevocationList) { l.NextUpdate = l.ThisUpdate.Add(time.Minute) }
	return []negative{
		{name: "before the signature", want: verify.Revoked, config: revoke(pki.Revocation{At: before})},
		{name: "at the moment of the signature", want: verify.Revoked, config: revoke(pki.Revocation{At: at})},
		{name: "later, invalid since before", want: verify.Revoked, config: revoke(pki.Revocation{At: after, Invalidity: before, Reason: 9})},
		{name: "before, invalid since later", want: verify.Revoked, config: revoke(pki.Revocation{At: before, Invalidity: after, Reason: 9})},
		{name: "key compromise, nobody knows since when", want: verify.Revoked, config: revoke(pki.Revocation{At: after, Reason: 1})},
		{name: "key compromise before", want: verify.Revoked, config: revoke(pki.Revocation{At: after, Invalidity: before, Reason: 1})},
		{name: "later, no timestamp", want: verify.Revoked, sign: unstamped, config: ifAvailable(revoke(pki.Revocation{At: after, Reason: 4}))},
		{name: "on a CRL that has ended", want: verify.Revoked, config: revoke(pki.Revocation{At: before}, expired)},
		{name: "on a CRL that has ended, not demanded", want: verify.Revoked, config: ifAvailable(revoke(pki.Revocation{At: before}, expired))},
		{name: "listed twice, once harmless", want: verify.Revoked, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			revoke(pki.Revocation{At: after}, pki.Revocation{At: before}.Revoke(t, p.Leaf.Cert))(t, p, c)
		}},
		{name: "on a stapled CRL, newer than the status", want: verify.Revoked, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.Sign(t, d, func(c *pki.CMS) {
				c.Staple.CRLs = [][]byte{p.CRL(t, p.High, 9, pki.Revocation{At: before}.Revoke(t, p.Leaf.Cert))}
			})
		}},
		{name: "old CRL stapled again", want: verify.Revoked, config: revoke(pki.Revocation{At: before}),
			sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
				return p.Sign(t, d, func(c *pki.CMS) { c.Staple.CRLs = [][]byte{p.CRL(t, p.High, 6)} })
			}},
		{name: "issuing CA", want: verify.IssuerRevoked, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.Root, 8, pki.Revocation{At: before}.Revoke(t, p.High.Cert)))
		}},
		{name: "authority's key compromised", want: verify.TimestampRevoked, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.StampCA, 8, pki.Revocation{At: after, Reason: 1}.Revoke(t, p.TSA.Cert)))
		}},
		{name: "authority revoked without a reason", want: verify.TimestampRevoked, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.StampCA, 8, pki.Revocation{At: after}.Revoke(t, p.TSA.Cert)))
		}},
		{name: "no CRL", want: verify.RevocationUnknown, config: func(_ *testing.T, _ *pki.PKI, c *verify.Config) { c.Status = verify.Status{} }},
		{name: "CRL of a CA with the same name", want: verify.RevocationUnknown, config: func(t *testing.T, _ *pki.PKI, c *verify.Config) {
			other := pki.New(t)
			c.Status.CRLs = [][]byte{other.CRL(t, other.High, 9)}
		}},
		{name: "unknown critical extension", want: verify.RevocationUnknown, config: onlyCRL(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{critical(1, 2, 3)}
		})},
		{name: "delta CRL", want: verify.RevocationUnknown, config: onlyCRL(func(l *x509.RevocationList) {
			l.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}}}
		})},
		{name: "unknown critical extension of an entry", want: verify.RevocationUnknown, config: onlyCRL(func(l *x509.RevocationList) {
			l.RevokedCertificateEntries = []x509.RevocationListEntry{{
				SerialNumber: big.NewInt(5), RevocationTime: before, ExtraExtensions: []pkix.Extension{critical(2, 5, 29, 29)},
			}}
		})},
		{name: "another shard", want: verify.RevocationUnknown, config: onlyCRL(point("http://ca.example.com/crl/high/8.crl"))},
		{name: "another issuer's list of the shard", want: verify.RevocationUnknown, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			c.Status.CRLs = [][]byte{p.CRL(t, p.Low, 8)}
		}},
		{name: "no distribution point", want: verify.RevocationUnknown, config: onlyCRL(pki.Whole)},
		{name: "only CA certificates", want: verify.RevocationUnknown, config: onlyCRL(authorities)},
		{name: "only attribute certificates", want: verify.RevocationUnknown, config: onlyCRL(point(pki.CRLURL, 0x85, 1, 0xff))},
		{name: "indirect", want: verify.RevocationUnknown, config: onlyCRL(point(pki.CRLURL, 0x84, 1, 0xff))},
		{name: "some reasons only", want: verify.RevocationUnknown, config: onlyCRL(point(pki.CRLURL, 0x83, 2, 6, 0x40))},
		{name: "older number, not listed there", want: verify.Revoked, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			revoke(pki.Revocation{At: before})(t, p, c)
			c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.High, 3))
		}},
		{name: "newer number, of another shard", want: verify.Revoked, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			revoke(pki.Revocation{At: before})(t, p, c)
			c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.High, 9, point("http://ca.example.com/crl/high/8.crl")))
		}},
		{name: "newer number, whole", want: verify.Revoked, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			revoke(pki.Revocation{At: before})(t, p, c)
			c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.High, 9, pki.Whole))
		}},
		{name: "ended", want: verify.RevocationStale, config: onlyCRL(expired)},
		{name: "newest ended, older not", want: verify.RevocationStale, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.High, 8, expired))
		}},
		{name: "older than the policy allows", want: verify.RevocationStale, config: func(_ *testing.T, _ *pki.PKI, c *verify.Config) {
			c.Policy.MaxStatusAge = 59 * time.Minute
		}},
		{name: "only CRLs of tomorrow", want: verify.ClockBehind, config: onlyCRL(func(l *x509.RevocationList) {
			l.ThisUpdate = l.ThisUpdate.AddDate(0, 0, 1)
		})},
		{name: "one of tomorrow beside an older one", want: verify.ClockBehind, config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
			c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.High, 8, func(l *x509.RevocationList) { l.ThisUpdate = l.ThisUpdate.AddDate(0, 0, 1) }))
		}},
	}
}

// TestRevocationThatDoesNotKill is the other side of comparing by time.
func TestRevocationThatDoesNotKill(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *pki.PKI, *verify.Config){
		"later":                              revoke(pki.Revocation{At: after}),
		"later, privilege withdrawn":         revoke(pki.Revocation{At: after, Reason: 9}),
		"key compromise, known to be later":  revoke(pki.Revocation{At: after, Invalidity: after, Reason: 1}),
		"another certificate":                onlyCRL(func(l *x509.RevocationList) { l.RevokedCertificateEntries = other() }),
		"its own distribution point":         onlyCRL(point(pki.CRLURL)),
		"listed once, corrected on a newer":  corrected,
		"not demanded and absent":            lax(func(c *verify.Config) { c.Status = verify.Status{} }),
		"off, though listed":                 off,
		"authority superseded afterwards":    superseded,
		"issuing CA ceased afterwards":       ceased,
		"stapled CRL alone, nothing at hand": nil,
	} {
		t.Run(name, func(t *testing.T) {
			p := pki.New(t)
			c := config(t, p)
			sign := func(d [32]byte) []byte { return p.Sign(t, d) }
			if change == nil {
				c.Status = verify.Status{}
				sign = func(d [32]byte) []byte {
					return p.Sign(t, d, func(c *pki.CMS) { c.Staple.CRLs = [][]byte{p.CRL(t, p.High, 1)} })
				}
			} else {
				change(t, p, &c)
			}
			got := newVerifier(t, c).File(context.Background(), pki.Write(t, t.TempDir(), "a", []byte("x"), sign))
			if got.Outcome != verify.Valid {
				t.Error(got.Reasons)
			}
		})
	}
}

func other() []x509.RevocationListEntry {
	return []x509.RevocationListEntry{{SerialNumber: big.NewInt(1), RevocationTime: before}}
}

func corrected(t *testing.T, p *pki.PKI, c *verify.Config) {
	revoke(pki.Revocation{At: before})(t, p, c)
	c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.High, 9))
}

func lax(f func(*verify.Config)) func(*testing.T, *pki.PKI, *verify.Config) {
	return func(_ *testing.T, _ *pki.PKI, c *verify.Config) {
		c.Policy.Revocation = verify.IfAvailable
		f(c)
	}
}

func off(t *testing.T, p *pki.PKI, c *verify.Config) {
	c.Policy.Revocation = verify.Off
	revoke(pki.Revocation{At: before})(t, p, c)
}

func superseded(t *testing.T, p *pki.PKI, c *verify.Config) {
	c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.StampCA, 8, pki.Revocation{At: after, Reason: 4}.Revoke(t, p.TSA.Cert)))
}

func ceased(t *testing.T, p *pki.PKI, c *verify.Config) {
	c.Status.CRLs = append(c.Status.CRLs, p.CRL(t, p.Root, 8, pki.Revocation{At: after, Reason: 5}.Revoke(t, p.High.Cert)))
}

// stapled makes a good signature with an edited staple.
func stapled(change func(t *testing.T, p *pki.PKI, d [32]byte, s *ext.Staple)) func(*testing.T, *pki.PKI, [32]byte) []byte {
	return func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
		t.Helper()
		return p.Sign(t, d, func(c *pki.CMS) { change(t, p, d, c.Staple) })
	}
}

// wrongEntry staples a receipt for an edited log entry.
func wrongEntry(change func(*receipt.Entry)) func(*testing.T, *pki.PKI, [32]byte) []byte {
	return stapled(func(t *testing.T, p *pki.PKI, _ [32]byte, s *ext.Staple) {
		s.Receipts[0] = p.Receipt(t, 3, change)
	})
}

func fetch(f fetcher) func(*testing.T, *pki.PKI, *verify.Config) {
	return func(_ *testing.T, _ *pki.PKI, c *verify.Config) { c.Policy.Attestations, c.Fetcher = verify.Fetch, f }
}

type fetcher func(url string) ([]byte, error)

func (f fetcher) Fetch(_ context.Context, url string) ([]byte, error) { return f(url) }

func evidenceNegatives() []negative {
	noSummary := stapled(func(_ *testing.T, _ *pki.PKI, _ [32]byte, s *ext.Staple) { s.VSA = nil })
	return []negative{
		{name: "not a staple", want: verify.StapleMalformed, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			return p.Sign(t, d, func(c *pki.CMS) {
				c.Staple, c.Unsigned = nil, []pki.Attribute{{OID: p.Arc.Staple(), Values: [][]byte{{0x30, 0}}}}
			})
		}},
		{name: "CRL is none", want: verify.StapleMalformed, sign: stapled(func(_ *testing.T, _ *pki.PKI, _ [32]byte, s *ext.Staple) {
			s.CRLs = [][]byte{{0x30, 0}}
		})},
		{name: "no summary", want: verify.SummaryMissing, sign: noSummary},
		{name: "none in the repository either", want: verify.SummaryMissing, sign: noSummary,
			config: fetch(func(string) ([]byte, error) { return nil, verify.ErrNotFound })},
		{name: "only garbage in the repository", want: verify.SummaryMissing, sign: noSummary,
			config: fetch(func(string) ([]byte, error) { return []byte("{}\n\nnot JSON\n"), nil })},
		{name: "by another key", want: verify.SummaryInvalid, sign: stapled(func(t *testing.T, p *pki.PKI, d [32]byte, s *ext.Staple) {
			s.VSA = p.SummaryBy(t, pki.Key(t), d, attest.Passed)
		})},
		{name: "about another file", want: verify.SummaryInvalid, sign: stapled(func(t *testing.T, p *pki.PKI, _ [32]byte, s *ext.Staple) {
			s.VSA = p.Summary(t, [32]byte{1}, attest.Passed)
		})},
		{name: "made for another vendor of the same bytes", want: verify.SummaryInvalid, sign: stapled(func(t *testing.T, p *pki.PKI, d [32]byte, s *ext.Staple) {
			s.VSA = p.SummaryWith(t, p.SummaryKey, d, func(v *attest.VSA) { v.ResourceURI = "https://other.example#file" })
		})},
		{name: "for a vendor whose name begins the same", want: verify.SummaryInvalid, sign: stapled(func(t *testing.T, p *pki.PKI, d [32]byte, s *ext.Staple) {
			s.VSA = p.SummaryWith(t, p.SummaryKey, d, func(v *attest.VSA) { v.ResourceURI = pki.Vendor + ".example#file" })
		})},
		{name: "for a lesser certificate", want: verify.SummaryInvalid, sign: stapled(func(t *testing.T, p *pki.PKI, d [32]byte, s *ext.Staple) {
			s.VSA = p.SummaryWith(t, p.SummaryKey, d, func(v *attest.VSA) { v.VerifiedLevels = []string{"SLSA_LEVEL_2"} })
		})},
		{name: "another predicate", want: verify.SummaryInvalid, sign: stapled(func(t *testing.T, p *pki.PKI, d [32]byte, s *ext.Staple) {
			s.VSA = otherPredicate(t, p, d)
		})},
		{name: "no key trusted", want: verify.SummaryInvalid, config: func(_ *testing.T, _ *pki.PKI, c *verify.Config) { c.Trust.VSAKeys = nil }},
		{name: "says FAILED", want: verify.SummaryFailed, sign: stapled(func(t *testing.T, p *pki.PKI, d [32]byte, s *ext.Staple) {
			s.VSA = p.Summary(t, d, attest.Failed)
		})},
		{name: "says FAILED, the repository is not asked", want: verify.SummaryFailed,
			sign: stapled(func(t *testing.T, p *pki.PKI, d [32]byte, s *ext.Staple) { s.VSA = p.Summary(t, d, attest.Failed) }),
			config: func(t *testing.T, p *pki.PKI, c *verify.Config) {
				fetch(func(string) ([]byte, error) { t.Error("fetched"); return nil, verify.ErrNotFound })(t, p, c)
			}},
		{name: "no receipt", want: verify.ReceiptMissing, sign: stapled(func(_ *testing.T, _ *pki.PKI, _ [32]byte, s *ext.Staple) { s.Receipts = nil })},
		{name: "receipt of another assessment", want: verify.ReceiptMissing, sign: wrongEntry(func(e *receipt.Entry) {
			e.Assessment = strings.Repeat("0", 63) + "1"
		})},
		{name: "receipt of the withdrawal", want: verify.ReceiptMissing, sign: wrongEntry(func(e *receipt.Entry) {
			e.Type, e.Effective, e.Reason = receipt.AssessmentWithdrawn, after, "withdrawn"
		})},
		{name: "another log", want: verify.ReceiptInvalid, sign: stapled(func(t *testing.T, _ *pki.PKI, _ [32]byte, s *ext.Staple) {
			other := pki.New(t)
			s.Receipts[0] = other.Receipt(t, 3)
		})},
		{name: "not a receipt", want: verify.ReceiptInvalid, sign: stapled(func(_ *testing.T, _ *pki.PKI, _ [32]byte, s *ext.Staple) {
			s.Receipts[0] = []byte("receipt")
		})},
		{name: "lower level", want: verify.ReceiptInvalid, sign: wrongEntry(func(e *receipt.Entry) { e.Level = 2 })},
		{name: "another vendor", want: verify.ReceiptInvalid, sign: wrongEntry(func(e *receipt.Entry) { e.Vendor = "https://other.example.com" })},
		{name: "another auditor", want: verify.ReceiptInvalid, sign: wrongEntry(func(e *receipt.Entry) { e.AuditorSPKI = strings.Repeat("1", 64) })},
		{name: "another framework", want: verify.ReceiptInvalid, sign: wrongEntry(func(e *receipt.Entry) { e.Framework = "https://slsa.dev/spec/v1.2/" })},
		{name: "another track", want: verify.ReceiptInvalid, sign: wrongEntry(func(e *receipt.Entry) { e.Track = "build" })},
		{name: "another index", want: verify.ReceiptInvalid, sign: func(t *testing.T, p *pki.PKI, d [32]byte) []byte {
			claims := p.Claims(3)
			claims[0].Assessment.LogIndex = 2
			return p.SignAs(t, p.NewLeaf(t, p.High, claims), d)
		}},
		{name: "repository down", want: verify.EvidenceUnavailable, sign: noSummary,
			config: fetch(func(string) ([]byte, error) { return nil, errors.New("connection refused") })},
		{name: "endless repository", want: verify.EvidenceUnavailable, sign: noSummary,
			config: fetch(func(string) ([]byte, error) { return make([]byte, 5<<20), nil })},
	}
}

func otherPredicate(t *testing.T, p *pki.PKI, d [32]byte) []byte {
	t.Helper()
	good, err := attest.Open(p.Summary(t, d, attest.Passed), p.SummaryKey.Public())
	if err != nil {
		t.Fatal(err)
	}
	s := good.Statement
	s.PredicateType = "https://example.com/other/v1"
	raw, err := attest.SignStatement(context.Background(), s, p.SummaryKey)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// TestFetchedSummary: what is not stapled is found in the repository, among
// envelopes of others.
func TestFetchedSummary(t *testing.T) {
	p := pki.New(t)
	c := config(t, p)
	var digest [32]byte
	asked := ""
	fetch(func(url string) ([]byte, error) {
		asked = url
		lines := [][]byte{p.SummaryBy(t, pki.Key(t), digest, attest.Passed), p.Summary(t, digest, attest.Passed)}
		return append(append(append(lines[0], '\n'), lines[1]...), '\n'), nil
	})(t, p, &c)
	path := pki.Write(t, t.TempDir(), "a", []byte("x"), func(d [32]byte) []byte {
		digest = d
		return p.Sign(t, d, func(c *pki.CMS) { c.Staple.VSA = nil })
	})
	got := newVerifier(t, c).File(context.Background(), path)
	if got.Outcome != verify.Valid {
		t.Error(got.Reasons)
	}
	if want := ext.EvidenceURL(pki.RepositoryURL, digest); asked != want {
		t.Errorf("asked %s, want %s", asked, want)
	}
}
