package ext

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadMarkOfGoldenCertificates(t *testing.T) {
	other := must[Arc](t)(ParseArc(operatorArc))
	for _, c := range []struct {
		file string
		arc  Arc
		want Mark
	}{
		{"leaf", DefaultArc(), plainMark(3)},
		{"leaf-over", DefaultArc(), plainMark(4)}, // the ceiling is the chain's business
		{"leaf-rich", DefaultArc(), richMark()},
		{"leaf-arc", other, plainMark(2)},
	} {
		t.Run(c.file, func(t *testing.T) {
			got := must[Mark](t)(c.arc.ReadMark(readCert(t, c.file)))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A mark under one arc is no mark under another: not the operator's to us, nor ours to him.
func TestReadMarkUnderAnotherArc(t *testing.T) {
	other := must[Arc](t)(ParseArc(operatorArc))
	_, err := DefaultArc().ReadMark(readCert(t, "leaf-arc"))
	wantRefusal(t, err, ReasonAbsent, "assurance")
	_, err = other.ReadMark(readCert(t, "leaf"))
	wantRefusal(t, err, ReasonAbsent, "assurance")
	_, err = Arc{}.ReadMark(readCert(t, "leaf"))
	wantRefusal(t, err, ReasonArc, "arc")
}

// issue makes a leaf from a template that the case has broken, and parses it as a
// verifier would.
func issue(t *testing.T, change func(template *x509.Certificate)) *x509.Certificate {
	t.Helper()
	template := leafTemplate(t, 99)
	m := richMark()
	template.Policies = must[[]x509.OID](t)(DefaultArc().Policies(m.Assurance.Claims))
	template.ExtraExtensions = must[[]pkix.Extension](t)(DefaultArc().Extensions(m))
	change(template)
	key := readKey(t, "leaf")
	der := must[[]byte](t)(x509.CreateCertificate(nil, template, readCert(t, "tier"), key.Public(), readKey(t, "tier")))
	return must[*x509.Certificate](t)(x509.ParseCertificate(der))
}

func TestReadMarkRefuses(t *testing.T) {
	policy := func(level int) x509.OID {
		return must[x509.OID](t)(DefaultArc().Policy(slsaURI, "slsa", level))
	}
	without := func(oid x509.OID) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Policies = slices.DeleteFunc(c.Policies, oid.Equal) }
	}
	with := func(oid x509.OID) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.Policies = append(c.Policies, oid) }
	}
	critical := func(i int) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtraExtensions[i].Critical = true }
	}
	absent := func(i int) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtraExtensions = slices.Delete(c.ExtraExtensions, i, i+1) }
	}
	value := func(i int, der []byte) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.ExtraExtensions[i].Value = der }
	}
	bare := must[x509.OID](t)(DefaultArc().policyOID())
	zero := must[x509.OID](t)(DefaultArc().policyOID(append(sliceOf(policyHash(slsaURI, "slsa")), 0)...))
	for _, c := range []struct {
		name   string
		change func(*x509.Certificate)
		reason Reason
		field  string
	}{
		{"no assurance", absent(0), ReasonAbsent, "assurance"},
		{"no repository", absent(1), ReasonAbsent, "attestationRepository"},
		{"no mark", func(c *x509.Certificate) { c.ExtraExtensions, c.Policies = nil, nil }, ReasonAbsent, "assurance"},
		{"assurance critical", critical(0), ReasonCritical, "assurance"},
		{"repository critical", critical(1), ReasonCritical, "attestationRepository"},
		{"assurance malformed", value(0, []byte{0x30, 0x01}), ReasonTruncated, "assurance"},
		{"assurance empty", value(0, []byte{}), ReasonTruncated, "assurance"},
		{"repository malformed", value(1, []byte{0x30, 0x00}), ReasonTruncated, "version"},
		{"no policies", func(c *x509.Certificate) { c.Policies = nil }, ReasonPolicyMissing, "certificatePolicies"},
		{"level without policy", without(policy(3)), ReasonPolicyMissing, "certificatePolicies"},
		{"lower level without policy", without(policy(1)), ReasonPolicyMissing, "certificatePolicies"},
		{"policy above the claim", with(policy(4)), ReasonPolicyUnexplained, "certificatePolicies"},
		{"policy of another framework", with(must[x509.OID](t)(DefaultArc().Policy("https://example.com/", "x", 1))), ReasonPolicyUnexplained, "certificatePolicies"},
		{"policy of another track", with(must[x509.OID](t)(DefaultArc().Policy(slsaURI, "build", 1))), ReasonPolicyUnexplained, "certificatePolicies"},
		{"bare policy arc", with(bare), ReasonPolicyUnexplained, "certificatePolicies"},
		{"policy of level 0", with(zero), ReasonPolicyUnexplained, "certificatePolicies"},
		{"anyPolicy", with(must[x509.OID](t)(x509.OIDFromInts([]uint64{2, 5, 29, 32, 0}))), ReasonAnyPolicy, "certificatePolicies"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := DefaultArc().ReadMark(issue(t, c.change))
			wantRefusal(t, err, c.reason, c.field)
			if m.Assurance.Claims != nil || m.Repository.URLs != nil {
				t.Error("half a mark beside the error")
			}
		})
	}
}

func sliceOf(h [3]uint64) []uint64 { return h[:] }

// crypto/x509 refuses a repeated extension or policy when it parses, so these start from
// a certificate as a laxer parser would have left it.
func TestReadMarkRefusesRepetition(t *testing.T) {
	for _, i := range []int{0, 3, len(readCert(t, "leaf").Extensions) - 1} {
		for _, others := range []int{0, 3, 40} { // few and many
			cert := readCert(t, "leaf")
			repeated := cert.Extensions[i]
			for n := range others {
				cert.Extensions = append(cert.Extensions, pkix.Extension{Id: asn1.ObjectIdentifier{2, 999, n}})
			}
			if _, err := DefaultArc().ReadMark(cert); err != nil {
				t.Errorf("%d others: %v", others, err)
			}
			cert.Extensions = append(cert.Extensions, repeated)
			_, err := DefaultArc().ReadMark(cert)
			wantRefusal(t, err, ReasonTwice, "extensions")
		}
	}
	cert := readCert(t, "leaf")
	cert.Policies = append(cert.Policies, cert.Policies[0])
	_, err := DefaultArc().ReadMark(cert)
	wantRefusal(t, err, ReasonPolicyTwice, "certificatePolicies")
}

// What is not ours is left to others: policies elsewhere, extensions elsewhere, and
// numbers below the arc that this version does not define.
func TestReadMarkIgnoresWhatIsNotOurs(t *testing.T) {
	cert := issue(t, func(c *x509.Certificate) {
		for _, text := range []string{CodeSigningBaselinePolicy().String(), operatorArc + ".3.1.2.3.4", defaultArc + ".5", defaultArc + ".30.1"} {
			c.Policies = append(c.Policies, must[x509.OID](t)(x509.ParseOID(text)))
		}
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: DefaultArc().under(99), Value: []byte{5, 0}})
	})
	if diff := cmp.Diff(richMark(), must[Mark](t)(DefaultArc().ReadMark(cert))); diff != "" {
		t.Error(diff)
	}
}

func TestExtensions(t *testing.T) {
	exts := must[[]pkix.Extension](t)(DefaultArc().Extensions(plainMark(3)))
	var ids []string
	for _, e := range exts {
		ids = append(ids, e.Id.String())
		if e.Critical {
			t.Errorf("%s is critical", e.Id)
		}
	}
	if diff := cmp.Diff([]string{defaultArc + ".1", defaultArc + ".2"}, ids); diff != "" {
		t.Error(diff)
	}
	_, err := DefaultArc().Extensions(Mark{Assurance: plainMark(3).Assurance})
	wantRefusal(t, err, ReasonEmpty, "urls")
	_, err = DefaultArc().Extensions(Mark{Repository: plainMark(3).Repository})
	wantRefusal(t, err, ReasonEmpty, "claims")
	_, err = Arc{}.Extensions(plainMark(3))
	wantRefusal(t, err, ReasonArc, "arc")
}

// The largest mark goes through a real certificate.
func TestLargestMark(t *testing.T) {
	m := largestMark()
	cert := issue(t, func(c *x509.Certificate) {
		c.Policies = must[[]x509.OID](t)(DefaultArc().Policies(m.Assurance.Claims))
		c.ExtraExtensions = must[[]pkix.Extension](t)(DefaultArc().Extensions(m))
	})
	if n := len(cert.Policies); n != MaxClaims*MaxLevel {
		t.Errorf("%d policies", n)
	}
	if diff := cmp.Diff(m, must[Mark](t)(DefaultArc().ReadMark(cert))); diff != "" {
		t.Error(diff)
	}
}

func TestForeignOIDsAreFresh(t *testing.T) {
	AnyPolicy()[0] = 9
	if !AnyPolicy().Equal(asn1.ObjectIdentifier{2, 5, 29, 32, 0}) {
		t.Error("a caller changed anyPolicy")
	}
	DefaultArc().Assurance()[0] = 9
	if got := DefaultArc().Assurance().String(); got != defaultArc+".1" {
		t.Error(got)
	}
}
