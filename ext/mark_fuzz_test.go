package ext

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"testing"
)

// FuzzParseArc: what is read is printed as it was read, and refusals are ParseErrors.
func FuzzParseArc(f *testing.F) {
	for _, s := range []string{DefaultArc().String(), "1.3.6.1.4.1.32473.1", "", "1", "1.2.03", "3.1.1.1", "1.40.1.1.1", "1.2.3.4.", "1.2.99999999999999999999.1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseArc(s)
		if err != nil {
			if pe := new(ParseError); !errors.As(err, &pe) || !a.IsZero() {
				t.Fatalf("%q: %v, %#v", s, a, err)
			}
			return
		}
		if a.String() != s {
			t.Fatalf("%q is printed as %q", s, a)
		}
	})
}

// FuzzReadMark: a mark that is read, made into extensions again, is the same two values,
// and its policies are those that the certificate has to have.
func FuzzReadMark(f *testing.F) {
	var assurances, repositories [][]byte
	for _, g := range goldenValues(f) {
		switch g.codec.name {
		case "assurance":
			assurances = append(assurances, g.der)
		case "attestationRepository":
			repositories = append(repositories, g.der)
		}
	}
	for i, a := range assurances {
		f.Add(a, repositories[i%len(repositories)])
	}
	arc := DefaultArc()
	f.Fuzz(func(t *testing.T, assurance, repository []byte) {
		cert := &x509.Certificate{Extensions: []pkix.Extension{{Id: arc.Assurance(), Value: assurance}, {Id: arc.AttestationRepository(), Value: repository}}}
		if parsed, err := ParseAssurance(assurance); err == nil {
			if cert.Policies, err = arc.Policies(parsed.Claims); err != nil {
				t.Fatal("claims without policies:", err)
			}
		}
		m, err := arc.ReadMark(cert)
		if err != nil {
			return
		}
		again, err := arc.Extensions(m)
		if err != nil || len(again) != 2 || string(again[0].Value) != string(assurance) || string(again[1].Value) != string(repository) {
			t.Fatalf("%v, %v", again, err)
		}
		cert.Policies = cert.Policies[1:]
		if _, err := arc.ReadMark(cert); err == nil {
			t.Fatal("a policy less makes no difference")
		}
	})
}
