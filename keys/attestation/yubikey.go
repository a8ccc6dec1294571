package attestation

import (
	"bytes"
	"crypto/x509"
	"embed"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/ext"
)

// roots are those that github.com/smallstep/certificates has in acme/challenge.go:
// "Yubico PIV Root CA Serial 263751" and, for firmware 5.7.4 and later, "Yubico
// Attestation Root 1".
//
//go:embed roots/*.pem
var roots embed.FS

func yubicoRoots() (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	names, err := fs.Glob(roots, "roots/*.pem")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		raw, err := roots.ReadFile(name)
		if err != nil {
			return nil, err
		}
		certs, err := parsePEM(raw, 1)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		pool.AddCert(certs[0])
	}
	return pool, nil
}

// Extensions of a slot's certificate, as Yubico documents them (PIV attestation).
var (
	oidFirmware   = ext.YubicoFirmware()   // three bytes
	oidSerial     = ext.YubicoSerial()     // INTEGER
	oidPolicies   = ext.YubicoPolicies()   // two bytes: PIN, touch
	oidFormFactor = ext.YubicoFormFactor() // one byte; the high bit: FIPS
	oidFIPS       = ext.YubicoFIPS()       // present: FIPS certified
)

// fipsBit marks the form factors of FIPS devices.
const fipsBit = 0x80

func (v *Verifier) yubiKey(s Statement, now time.Time) (Attested, error) {
	certs, err := parsePEM(s.Data, maxCertificates)
	if err != nil {
		return Attested{}, refuse(Malformed, "%v", err)
	}
	return v.slot(YubiKey, certs, s, now)
}

// slot judges a slot's certificate with its chain.
func (v *Verifier) slot(format Format, certs []*x509.Certificate, s Statement, now time.Time) (Attested, error) {
	root, err := v.chain(format, certs, now)
	if err != nil {
		return Attested{}, err
	}
	if err := sameKey(certs[0].PublicKey, s.Key); err != nil {
		return Attested{}, err
	}
	out := Attested{Root: root}
	if err := out.readSlot(certs[0]); err != nil {
		return Attested{}, err
	}
	return out, nil
}

// readSlot reads the extensions of a slot's certificate. Firmware, serial number and
// policies must be there: what lacks them is no certificate of a slot, whoever signed it.
func (a *Attested) readSlot(c *x509.Certificate) error {
	firmware, err := extension(c, oidFirmware, "firmware version", 3)
	if err != nil {
		return err
	}
	policies, err := extension(c, oidPolicies, "PIN and touch policy", 2)
	if err != nil {
		return err
	}
	raw, err := extension(c, oidSerial, "serial number", 0)
	if err != nil {
		return err
	}
	var serial int64
	if rest, err := asn1.Unmarshal(raw, &serial); err != nil || len(rest) > 0 || serial < 0 {
		return refuse(Extension, "the serial number is not a whole number")
	}
	pin, ok := map[byte]string{1: "never", 2: "once", 3: "always", 4: "match once", 5: "match always"}[policies[0]]
	if !ok {
		return refuse(Extension, "PIN policy %d", policies[0])
	}
	touch, ok := map[byte]string{1: "never", 2: "always", 3: "cached"}[policies[1]]
	if !ok {
		return refuse(Extension, "touch policy %d", policies[1])
	}
	a.Device = strconv.FormatInt(serial, 10)
	a.Details = append(a.Details, fmt.Sprintf("firmware %d.%d.%d", firmware[0], firmware[1], firmware[2]), "PIN "+pin, "touch "+touch)
	if isFIPS(c) {
		a.Details = append(a.Details, "FIPS")
	}
	return nil
}

func isFIPS(c *x509.Certificate) bool {
	for _, e := range c.Extensions {
		if e.Id.Equal(oidFIPS) || e.Id.Equal(oidFormFactor) && len(e.Value) == 1 && e.Value[0]&fipsBit != 0 {
			return true
		}
	}
	return false
}

// extension returns the value of an extension that stands there once, of so many
// bytes; 0 bytes means any.
func extension(c *x509.Certificate, oid asn1.ObjectIdentifier, name string, size int) ([]byte, error) {
	for _, e := range c.Extensions { // x509 refuses one that is there twice
		if !e.Id.Equal(oid) {
			continue
		}
		if size > 0 && len(e.Value) != size {
			return nil, refuse(Extension, "%s of %d bytes, want %d", name, len(e.Value), size)
		}
		return e.Value, nil
	}
	return nil, refuse(Extension, "the certificate does not state the %s", name)
}

// parsePEM reads certificates and nothing else.
func parsePEM(raw []byte, most int) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	rest := bytes.TrimSpace(raw)
	for len(rest) > 0 {
		if !bytes.HasPrefix(rest, []byte("-----BEGIN CERTIFICATE-----")) {
			return nil, fmt.Errorf("not a PEM certificate: %q", clip(string(rest)))
		}
		var block *pem.Block
		begun := rest
		if block, rest = pem.Decode(rest); block == nil || len(block.Headers) > 0 {
			return nil, fmt.Errorf("not a PEM certificate: %q", clip(string(begun)))
		}
		// pem.Decode looks for the next block when one is damaged: count what it skipped.
		if skipped := begun[:len(begun)-len(rest)]; strings.Count(string(skipped), "-----BEGIN") != 1 {
			return nil, fmt.Errorf("a damaged PEM certificate")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		if certs = append(certs, cert); len(certs) > most {
			return nil, fmt.Errorf("more than %d certificates", most)
		}
		rest = bytes.TrimSpace(rest)
	}
	if len(certs) == 0 {
		return nil, fmt.Errorf("no certificate")
	}
	return certs, nil
}
