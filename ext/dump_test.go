package ext

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"strings"
	"testing"
	"time"
)

// dump prints a certificate for a human reader of a change. It does not depend on the
// version of any tool, and shows the parts of a mark as ASN.1 rather than as this package
// understands them.
func dump(t testing.TB, cert *x509.Certificate) string {
	t.Helper()
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("TEST ONLY")
	line("serial      %x", cert.SerialNumber)
	line("issuer      %s", cert.Issuer)
	line("subject     %s", cert.Subject)
	line("not before  %s", cert.NotBefore.Format(time.RFC3339))
	line("not after   %s", cert.NotAfter.Format(time.RFC3339))
	line("signature   %s", cert.SignatureAlgorithm)
	line("public key  %s", cert.PublicKeyAlgorithm)
	for _, e := range cert.Extensions {
		critical := ""
		if e.Critical {
			critical = ", critical"
		}
		line("extension   %s%s%s", e.Id, extensionName(e.Id), critical)
		dumpTree(&b, grow(t, e.Value), "    ")
	}
	for _, p := range cert.Policies {
		line("policy      %s", p)
	}
	return b.String()
}

func extensionName(id asn1.ObjectIdentifier) string {
	names := map[string]string{
		"2.5.29.14": " subjectKeyIdentifier", "2.5.29.15": " keyUsage", "2.5.29.17": " subjectAltName",
		"2.5.29.19": " basicConstraints", "2.5.29.31": " cRLDistributionPoints", "2.5.29.32": " certificatePolicies",
		"2.5.29.35": " authorityKeyIdentifier", "2.5.29.37": " extKeyUsage", "1.3.6.1.5.5.7.1.1": " authorityInfoAccess",
	}
	for _, text := range []string{defaultArc, operatorArc} {
		names[text+".1"], names[text+".2"] = " hallmark assurance", " hallmark attestationRepository"
	}
	return names[id.String()]
}

// dumpTree prints a value one line each, indented by depth.
func dumpTree(b *strings.Builder, n *node, indent string) {
	tags := map[byte]string{
		0x01: "BOOLEAN", 0x02: "INTEGER", 0x03: "BIT STRING", 0x04: "OCTET STRING", 0x06: "OBJECT IDENTIFIER",
		0x13: "PrintableString", 0x16: "IA5String", 0x18: "GeneralizedTime", 0x30: "SEQUENCE",
	}
	name, known := tags[n.tag]
	if !known {
		name = fmt.Sprintf("[%d]", n.tag&0x1f)
	}
	if n.tag&0x20 != 0 {
		fmt.Fprintf(b, "%s%s\n", indent, name)
		for _, kid := range n.kids {
			dumpTree(b, kid, indent+"  ")
		}
		return
	}
	fmt.Fprintf(b, "%s%s %s\n", indent, name, dumpBody(n))
}

// dumpBody prints text as text and everything else in hex.
func dumpBody(n *node) string {
	if n.tag == 0x06 {
		var oid asn1.ObjectIdentifier
		if _, err := asn1.Unmarshal(n.der(), &oid); err == nil {
			return oid.String()
		}
	}
	text := n.tag == 0x13 || n.tag == 0x16 || n.tag == 0x18 || n.tag&0x80 != 0
	for _, c := range n.body {
		text = text && c >= ' ' && c < 0x7f
	}
	if text && len(n.body) > 0 {
		return string(n.body)
	}
	return fmt.Sprintf("%x", n.body)
}

// extensionValue returns the value of the one extension with this OID.
func extensionValue(t testing.TB, cert *x509.Certificate, id asn1.ObjectIdentifier) []byte {
	t.Helper()
	for _, e := range cert.Extensions {
		if e.Id.Equal(id) {
			return e.Value
		}
	}
	t.Fatalf("no extension %s", id)
	return nil
}
