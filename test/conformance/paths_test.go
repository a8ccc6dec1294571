package conformance

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-pki/hallmark/verify"
)

func pathSuites() []suite {
	return []suite{
		{"pkits", "pkits", pkitsAbout, 249, pkits},
		{"limbo", "limbo", limboAbout, 142, limbo},
		{"boringssl-chains", "boringssl-pki/verify_certificate_chain", boringChainsAbout, 158, boringChains},
		{"openssl-verify", "openssl-verify", opensslAbout, 114, opensslVerify},
	}
}

// question is a path that a case asks for, certificates as the case has them: parsing
// is part of the answer.
type question struct {
	leaf          []byte
	others, roots [][]byte
	usage         x509.ExtKeyUsage
	at            time.Time
	policies      []x509.OID
	crls          [][]byte
	checkCRLs     bool
}

// unparsed is a certificate that cannot be read.
type unparsed struct{ err error }

func (u unparsed) Error() string { return "unparsed: " + u.err.Error() }

func parseAll(list [][]byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for _, der := range list {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, unparsed{err}
		}
		out = append(out, c)
	}
	return out, nil
}

// input names what is judged.
func (q question) input() string {
	h := sha256.New()
	for _, list := range [][][]byte{{q.leaf}, q.others, q.roots} {
		fmt.Fprintf(h, "%d %x\n", len(list), list)
	}
	fmt.Fprintln(h, q.usage, q.at)
	return fmt.Sprintf("%x", h.Sum(nil))
}

// fixed is "now" for cases that would do at any time.
func fixed() time.Time { return time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC) }

// answer finds the path and asks the lists about each certificate in it: the first must
// be proved to stand, any of the others may not be listed.
func (q question) answer() error {
	all, err := parseAll(slices.Concat([][]byte{q.leaf}, q.others))
	if err != nil {
		return err
	}
	roots, err := parseAll(q.roots)
	if err != nil {
		return err
	}
	chain, err := verify.Path{
		Certificate: all[0], Intermediates: all[1:], Roots: roots, Usage: q.usage, At: q.at, Policies: q.policies,
	}.Find()
	if err != nil || !q.checkCRLs {
		return err
	}
	lists := verify.CRLs{Lists: q.crls, Now: q.at}
	for i := range len(chain) - 1 {
		err := lists.Check(chain[i], chain[i+1])
		if r := (row{}).judged(err); r.got == revoked {
			return fmt.Errorf("revoked: %w", errPlain(err))
		}
		if err != nil && i == 0 {
			return err
		}
	}
	return nil
}

// errPlain takes the reason out of an error: that a path has a revoked certificate is
// a refusal like any other.
func errPlain(err error) error { return fmt.Errorf("%s", err) }

func blocks(raw []byte, types ...string) [][]byte {
	var out [][]byte
	for b, rest := pem.Decode(raw); b != nil; b, rest = pem.Decode(rest) {
		if slices.Contains(types, b.Type) {
			out = append(out, b.Bytes)
		}
	}
	return out
}

const pkitsAbout = `NIST's Public Key Interoperability Test Suite: certificate paths and CRLs, RFC 5280 §6, with ` + "`verify.Path` and `verify.CRLs`" + `.
The first certificate of a path must be proved to stand by a CRL; the CAs above it may not be listed in any that is at hand, which is
how a judgement has it.

Policies: a mark's policies are demanded of its issuing CA in so many words; there is no mapping and anyPolicy counts for nothing. That
is asked here where a vector names acceptable policies, demands an explicit one or inhibits mapping or anyPolicy: for each acceptable policy that the end certificate
has. No policy is asked for where a vector takes any, or none.`

type pkitsVector struct {
	Name                                                                        string
	CertPath, CRLPath                                                           []string
	ShouldValidate                                                              bool
	InitialPolicySet                                                            []string
	InitialPolicyMappingInhibit, InitialExplicitPolicy, InitialAnyPolicyInhibit bool
}

func pkits(t *testing.T, dir string) []row {
	var vectors []pkitsVector
	readJSON(t, &vectors, dir, "vectors.json")
	var rows []row
	for _, v := range vectors {
		q := question{usage: x509.ExtKeyUsageAny, at: time.Date(2012, 1, 1, 0, 0, 0, 0, time.UTC), checkCRLs: true}
		for i, name := range v.CertPath {
			der := read(t, dir, "certs", name)
			switch i {
			case 0:
				q.roots = append(q.roots, der)
			case len(v.CertPath) - 1:
				q.leaf = der
			default:
				q.others = append(q.others, der)
			}
		}
		for _, name := range v.CRLPath {
			q.crls = append(q.crls, read(t, dir, "crls", name))
		}
		rows = append(rows, row{id: v.Name, want: wants(v.ShouldValidate)}.judged(q.forPolicies(t, v)))
	}
	return rows
}

// forPolicies asks for the path, and where a policy is demanded, for each that would do.
func (q question) forPolicies(t *testing.T, v pkitsVector) error {
	t.Helper()
	if !v.InitialExplicitPolicy && !v.InitialPolicyMappingInhibit && !v.InitialAnyPolicyInhibit && slices.Equal(v.InitialPolicySet, []string{"anyPolicy"}) {
		return q.answer()
	}
	leaf, err := x509.ParseCertificate(q.leaf)
	if err != nil {
		return unparsed{err}
	}
	err = fmt.Errorf("no-policy: none of %v in the certificate", v.InitialPolicySet)
	for _, p := range leaf.Policies {
		if !acceptable(v.InitialPolicySet, p) {
			continue
		}
		q.policies = []x509.OID{p}
		if err = q.answer(); err == nil {
			return nil
		}
	}
	return err
}

// acceptable reports whether a policy is in the initial set, which names them as PKITS
// does: NIST-test-policy-N is 2.16.840.1.101.3.2.1.48.N.
func acceptable(set []string, p x509.OID) bool {
	return slices.ContainsFunc(set, func(name string) bool {
		n, ok := strings.CutPrefix(name, "NIST-test-policy-")
		return name == "anyPolicy" || ok && p.String() == "2.16.840.1.101.3.2.1.48."+n
	})
}

const limboAbout = `x509-limbo (C2SP): certificate paths with ` + "`verify.Path`" + `, and CRLs where a case brings them. Its cases are of TLS: extended key
usages are asked for as it says, host names are not.`

func limbo(t *testing.T, dir string) []row {
	var table struct {
		Testcases []struct {
			ID             string
			Kind           string   `json:"validation_kind"`
			Trusted        []string `json:"trusted_certs"`
			Untrusted      []string `json:"untrusted_intermediates"`
			Peer           string   `json:"peer_certificate"`
			ValidationTime string   `json:"validation_time"`
			Expected       string   `json:"expected_result"`
			CRLs           []string `json:"crls"`
		}
	}
	readJSON(t, &table, dir, "limbo-part.json")
	var rows []row
	for _, c := range table.Testcases {
		at := fixed()
		if c.ValidationTime != "" { // absent: now, whenever that is
			var err error
			if at, err = time.Parse(time.RFC3339, c.ValidationTime); err != nil {
				t.Fatalf("%s: %v", c.ID, err)
			}
		}
		q := question{leaf: onlyBlock(t, c.Peer), at: at, usage: x509.ExtKeyUsageServerAuth, checkCRLs: len(c.CRLs) > 0}
		if c.Kind == "CLIENT" {
			q.usage = x509.ExtKeyUsageClientAuth
		}
		for _, s := range c.Trusted {
			q.roots = append(q.roots, onlyBlock(t, s))
		}
		for _, s := range c.Untrusted {
			q.others = append(q.others, onlyBlock(t, s))
		}
		for _, s := range c.CRLs {
			q.crls = append(q.crls, onlyBlock(t, s))
		}
		rows = append(rows, row{id: c.ID, want: wants(c.Expected == "SUCCESS")}.judged(q.answer()))
	}
	return rows
}

func onlyBlock(t *testing.T, text string) []byte {
	t.Helper()
	list := blocks([]byte(text), "CERTIFICATE", "X509 CRL")
	if len(list) != 1 {
		t.Fatalf("%d PEM blocks: %.60q", len(list), text)
	}
	return list[0]
}

const boringChainsAbout = `BoringSSL's certificate paths, with ` + "`verify.Path`" + `. The last certificate of a case is the only root, if the case trusts it.`

// boringUsages are the key purposes; the strict ones differ in demands of TLS.
func boringUsages() map[string]x509.ExtKeyUsage {
	return map[string]x509.ExtKeyUsage{
		"ANY_EKU": x509.ExtKeyUsageAny, "SERVER_AUTH": x509.ExtKeyUsageServerAuth, "SERVER_AUTH_STRICT": x509.ExtKeyUsageServerAuth,
		"SERVER_AUTH_STRICT_LEAF": x509.ExtKeyUsageServerAuth, "CLIENT_AUTH": x509.ExtKeyUsageClientAuth,
		"CLIENT_AUTH_STRICT": x509.ExtKeyUsageClientAuth, "CLIENT_AUTH_STRICT_LEAF": x509.ExtKeyUsageClientAuth,
	}
}

func boringChains(t *testing.T, dir string) []row {
	var rows []row
	for _, file := range files(t, dir, "*/*.test") {
		head, errs, _ := strings.Cut(string(read(t, file)), "expected_errors:")
		field := map[string]string{}
		for line := range strings.Lines(head) {
			if k, v, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
				field[k] = v
			}
		}
		list := blocks(read(t, filepath.Dir(file), field["chain"]), "CERTIFICATE")
		if len(list) == 0 {
			t.Fatal(file, "has no certificates")
		}
		usage, isTLS := boringUsages()[field["key_purpose"]]
		if !isTLS {
			usage = x509.ExtKeyUsageAny // of a use that crypto/x509 has no name for
		}
		q := question{leaf: list[0], usage: usage, at: boringTime(t, field["utc_time"])}
		switch trust := field["last_cert_trust"]; {
		case trust == "UNSPECIFIED" || trust == "DISTRUSTED":
			q.others = list[1:]
		default:
			q.roots = list[len(list)-1:]
			if len(list) > 1 {
				q.others = list[1 : len(list)-1]
			}
		}
		id := strings.TrimSuffix(below(dir, file), ".test")
		rows = append(rows, row{id: id, want: wants(!strings.Contains(errs, "ERROR:")), input: q.input()}.judged(q.answer()))
	}
	return rows
}

// boringTime reads UTCTime; DEFAULT is when BoringSSL's own tests are judged.
func boringTime(t *testing.T, s string) time.Time {
	t.Helper()
	if s == "DEFAULT" {
		return time.Date(2021, 10, 5, 12, 0, 0, 0, time.UTC)
	}
	at, err := time.Parse("060102150405Z", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

const opensslAbout = `The table of OpenSSL's test of ` + "`openssl verify`, with `verify.Path`" + `. Options that ask for something else than the table's row says
(security levels, depths, strictness, proxies) are not passed on: there are none here.`

func opensslVerify(t *testing.T, dir string) []row {
	var table struct {
		Cases []struct {
			Cert, Purpose, Expect, Description string
			Trusted, Untrusted, Options        []string
		}
	}
	readJSON(t, &table, dir, "cases.json")
	usages := map[string]x509.ExtKeyUsage{"": x509.ExtKeyUsageAny, "sslserver": x509.ExtKeyUsageServerAuth, "sslclient": x509.ExtKeyUsageClientAuth}
	load := func(names []string) (out [][]byte) {
		for _, n := range names {
			out = append(out, blocks(read(t, dir, "certs", n), "CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")...)
		}
		return out
	}
	var rows []row
	seen := map[string]int{}
	for _, c := range table.Cases {
		usage, ok := usages[c.Purpose]
		if !ok {
			t.Fatal("unknown purpose", c.Purpose)
		}
		q := question{leaf: load([]string{c.Cert})[0], roots: load(c.Trusted), others: load(c.Untrusted), usage: usage, at: fixed()}
		if i := slices.Index(c.Options, "-attime"); i >= 0 {
			seconds, err := strconv.ParseInt(c.Options[i+1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			q.at = time.Unix(seconds, 0)
		}
		if i := slices.Index(c.Options, "-policy"); i >= 0 {
			p, err := x509.ParseOID(c.Options[i+1])
			if err != nil {
				t.Fatal(err)
			}
			q.policies = []x509.OID{p}
		}
		id := c.Description
		if seen[id]++; seen[id] > 1 {
			id = fmt.Sprintf("%s, case %d of this name", id, seen[id])
		}
		rows = append(rows, row{id: id, want: wants(c.Expect == "accept"), input: q.input()}.judged(q.answer()))
	}
	for _, tree := range []string{"small", "large"} { // a policy tree that grows without bounds where it is kept as a tree
		q := question{usage: x509.ExtKeyUsageAny, at: fixed()}
		q.leaf = onlyBlock(t, string(read(t, dir, "policy_tree", tree+"_leaf.pem")))
		all := blocks(read(t, dir, "policy_tree", tree+"_policy_tree.pem"), "CERTIFICATE")
		for _, der := range all {
			c, err := x509.ParseCertificate(der)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(c.RawSubject, c.RawIssuer) {
				q.roots = append(q.roots, der)
			} else {
				q.others = append(q.others, der)
			}
		}
		rows = append(rows, row{id: "policy tree, " + tree, want: either}.judged(q.answer()))
	}
	return rows
}
