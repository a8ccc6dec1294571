package attestation_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-tpm/legacy/tpm2"
	"github.com/hallmark-pki/hallmark/keys/attestation"
	made "github.com/hallmark-pki/hallmark/keys/attestation/attestationtest"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

const challenge = "3a7bd3e2360a3d29eea436fcfb7e44c735d117c42d1c1835420b6b9942dd4f1b"

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// believing is a verifier that believes a maker in every format.
func believing(t testing.TB, m *made.Maker) *attestation.Verifier {
	t.Helper()
	v, err := attestation.New(attestation.Roots{attestation.YubiKey: m.Roots(), attestation.Step: m.Roots(), attestation.TPM: m.Roots()})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// statement makes a good statement of a format about a key.
func statement(t testing.TB, m *made.Maker, format attestation.Format, key *ecdsa.PrivateKey) attestation.Statement {
	t.Helper()
	s := attestation.Statement{Format: format, Key: key.Public(), Challenge: challenge}
	switch format {
	case attestation.YubiKey:
		s.Data = m.YubiKey(t, key.Public())
	case attestation.Step:
		s.Data = m.Step(t, key, challenge)
	case attestation.TPM:
		s.Data = m.TPM(t, made.Key{Public: key.Public(), Challenge: challenge})
	}
	return s
}

var formats = []attestation.Format{attestation.YubiKey, attestation.Step, attestation.TPM}

func TestVerify(t *testing.T) {
	m := made.New(t, noon)
	v := believing(t, m)
	for _, format := range formats {
		got, err := v.Verify(statement(t, m, format, newKey(t)), noon)
		if err != nil {
			t.Errorf("%s: %v", format, err)
			continue
		}
		device, details := "16909060", []string{"firmware 5.7.1", "PIN once", "touch cached", "FIPS"}
		if format == attestation.TPM {
			device, details = "id:54534554 Test TPM id:13", []string{"manufacturer id:54534554", "model Test TPM", "version id:13"}
		}
		if got.Device != device || !slices.Equal(got.Details, details) || len(got.Root) != 64 || got.Bound != (format != attestation.YubiKey) {
			t.Errorf("%s: %+v", format, got)
		}
	}
}

func TestVerifyRSAStep(t *testing.T) {
	m := made.New(t, noon)
	key, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	s := attestation.Statement{Format: attestation.Step, Data: m.Step(t, key, challenge), Key: key.Public(), Challenge: challenge}
	if _, err := believing(t, m).Verify(s, noon); err != nil {
		t.Error(err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(string(s.Data)))
	if err != nil {
		t.Fatal(err)
	}
	if s.Data = raw; err != nil {
		t.Fatal(err)
	}
	if _, err := believing(t, m).Verify(s, noon); err != nil {
		t.Errorf("as bytes: %v", err)
	}
}

// TestEveryFormatRefuses breaks one thing that all formats share.
func TestEveryFormatRefuses(t *testing.T) {
	m, stranger := made.New(t, noon), made.New(t, noon)
	v := believing(t, m)
	for _, format := range formats {
		for name, c := range map[string]struct {
			want attestation.Reason
			edit func(*attestation.Statement)
			at   time.Time
			v    *attestation.Verifier
		}{
			"another key":       {want: attestation.OtherKey, edit: func(s *attestation.Statement) { s.Key = newKey(t).Public() }},
			"no key":            {want: attestation.OtherKey, edit: func(s *attestation.Statement) { s.Key = nil }},
			"another root":      {want: attestation.Chain, v: believing(t, stranger)},
			"expired":           {want: attestation.Chain, at: noon.AddDate(11, 0, 0)},
			"not valid yet":     {want: attestation.Chain, at: noon.AddDate(-2, 0, 0)},
			"trailing data":     {want: attestation.Malformed, edit: func(s *attestation.Statement) { s.Data = append(s.Data, "AA"...) }},
			"cut short":         {want: attestation.Malformed, edit: func(s *attestation.Statement) { s.Data = s.Data[:len(s.Data)/2] }},
			"empty":             {want: attestation.Malformed, edit: func(s *attestation.Statement) { s.Data = nil }},
			"too large":         {want: attestation.Malformed, edit: func(s *attestation.Statement) { s.Data = bytes.Repeat([]byte(" "), 33<<10) }},
			"unknown format":    {want: attestation.UnknownForm, edit: func(s *attestation.Statement) { s.Format = "packed" }},
			"another challenge": {want: attestation.BadChallenge, edit: func(s *attestation.Statement) { s.Challenge = strings.Repeat("0", 64) }},
			"no challenge":      {want: attestation.BadChallenge, edit: func(s *attestation.Statement) { s.Challenge = "" }},
		} {
			if c.want == attestation.BadChallenge && format == attestation.YubiKey {
				continue // it has no room for one
			}
			s := statement(t, m, format, newKey(t))
			if c.edit != nil {
				c.edit(&s)
			}
			judge, at := v, noon
			if c.v != nil {
				judge = c.v
			}
			if !c.at.IsZero() {
				at = c.at
			}
			got, err := judge.Verify(s, at)
			if attestation.ReasonOf(err) != c.want || got.Device != "" && c.want != attestation.OtherKey {
				t.Errorf("%s, %s: %v (%+v), want %s", format, name, err, got, c.want)
			}
		}
	}
}

func TestSlotRefuses(t *testing.T) {
	m := made.New(t, noon)
	v := believing(t, m)
	without := func(n int) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			for i, e := range c.ExtraExtensions {
				if e.Id[len(e.Id)-1] == n {
					c.ExtraExtensions = slices.Delete(c.ExtraExtensions, i, i+1)
					return
				}
			}
			t.Fatalf("no extension %d", n)
		}
	}
	with := func(n int, value ...byte) func(*x509.Certificate) {
		return func(c *x509.Certificate) {
			for i, e := range c.ExtraExtensions {
				if e.Id[len(e.Id)-1] == n {
					c.ExtraExtensions[i].Value = value
				}
			}
		}
	}
	for name, c := range map[string]struct {
		want attestation.Reason
		edit func(*x509.Certificate)
	}{
		"no firmware":          {attestation.Extension, without(3)},
		"no serial":            {attestation.Extension, without(7)},
		"no policies":          {attestation.Extension, without(8)},
		"firmware of 4 bytes":  {attestation.Extension, with(3, 5, 7, 1, 0)},
		"serial with more":     {attestation.Extension, with(7, 2, 1, 7, 0)},
		"serial below zero":    {attestation.Extension, with(7, 2, 1, 0xff)},
		"policy of 1 byte":     {attestation.Extension, with(8, 2)},
		"unknown PIN policy":   {attestation.Extension, with(8, 9, 1)},
		"unknown touch policy": {attestation.Extension, with(8, 1, 9)},
		"a CA": {attestation.Chain, func(c *x509.Certificate) {
			c.BasicConstraintsValid, c.IsCA = true, true
		}},
	} {
		key := newKey(t)
		s := attestation.Statement{Format: attestation.YubiKey, Key: key.Public(), Data: made.PEM(m.Slot(t, key.Public(), c.edit), m.Device)}
		if _, err := v.Verify(s, noon); attestation.ReasonOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestPEMRefuses: certificates and nothing else.
func TestPEMRefuses(t *testing.T) {
	m := made.New(t, noon)
	v, key := believing(t, m), newKey(t)
	good := m.YubiKey(t, key.Public())
	one := made.PEM(m.Slot(t, key.Public(), nil))
	for name, data := range map[string][]byte{
		"text before":      append([]byte("subject=/CN=x\n"), good...),
		"text between":     append(append(slices.Clone(one), "and\n"...), made.PEM(m.Device)...),
		"another block":    append(slices.Clone(good), "-----BEGIN X-----\nAAAA\n-----END X-----\n"...),
		"damaged block":    append(append(slices.Clone(one), "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"...), good...),
		"headers":          bytes.Replace(good, []byte("CERTIFICATE-----\n"), []byte("CERTIFICATE-----\nA: b\n\n"), 1),
		"too many":         bytes.Repeat(one, 7),
		"DER instead":      m.Device.Raw,
		"trailing in DER":  made.PEM(&x509.Certificate{Raw: append(slices.Clone(m.Device.Raw), 0)}),
		"not the leaf's":   made.PEM(m.Root),
		"only a blank":     []byte(" \n"),
		"an unclosed one":  bytes.TrimSuffix(good, []byte("-----END CERTIFICATE-----\n")),
		"a block unclosed": append(slices.Clone(good), "-----BEGIN CERTIFICATE-----\n"...),
	} {
		s := attestation.Statement{Format: attestation.YubiKey, Key: key.Public(), Data: data}
		want := attestation.Malformed
		if name == "not the leaf's" {
			want = attestation.Chain
		}
		if _, err := v.Verify(s, noon); attestation.ReasonOf(err) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := attestation.Statement{Format: attestation.YubiKey, Key: key.Public(), Data: one}
	if _, err := v.Verify(s, noon); attestation.ReasonOf(err) != attestation.Chain {
		t.Errorf("without F9's certificate: %v", err)
	}
}

func TestObjectRefuses(t *testing.T) {
	m := made.New(t, noon)
	v, key := believing(t, m), newKey(t)
	for name, c := range map[string]struct {
		format attestation.Format
		want   attestation.Reason
		edit   func(map[string]any)
	}{
		"unknown member":       {attestation.Step, attestation.Malformed, func(s map[string]any) { s["extra"] = 1 }},
		"another format's":     {attestation.Step, attestation.Malformed, func(s map[string]any) { s["pubArea"] = []byte{1} }},
		"no certificates":      {attestation.Step, attestation.Malformed, func(s map[string]any) { delete(s, "x5c") }},
		"not a certificate":    {attestation.Step, attestation.Malformed, func(s map[string]any) { s["x5c"] = [][]byte{{0x30, 0}} }},
		"too many":             {attestation.Step, attestation.Malformed, func(s map[string]any) { s["x5c"] = slices.Repeat(s["x5c"].([][]byte), 4) }},
		"sig not wrapped":      {attestation.Step, attestation.Malformed, func(s map[string]any) { s["sig"] = s["sig"].([]byte)[2:] }},
		"sig with more":        {attestation.Step, attestation.Malformed, func(s map[string]any) { s["sig"] = append(s["sig"].([]byte), 0) }},
		"no sig":               {attestation.Step, attestation.Malformed, func(s map[string]any) { delete(s, "sig") }},
		"another algorithm":    {attestation.Step, attestation.BadSignature, func(s map[string]any) { s["alg"] = -257 }},
		"TPM 1.2":              {attestation.TPM, attestation.Malformed, func(s map[string]any) { s["ver"] = "1.2" }},
		"SHA-1":                {attestation.TPM, attestation.Malformed, func(s map[string]any) { s["alg"] = -65535 }},
		"pubArea with more":    {attestation.TPM, attestation.Malformed, func(s map[string]any) { s["pubArea"] = append(s["pubArea"].([]byte), 0) }},
		"certInfo with more":   {attestation.TPM, attestation.Malformed, func(s map[string]any) { s["certInfo"] = append(s["certInfo"].([]byte), 0) }},
		"TPM's sig with more":  {attestation.TPM, attestation.Malformed, func(s map[string]any) { s["sig"] = append(s["sig"].([]byte), 0) }},
		"TPM's sig changed":    {attestation.TPM, attestation.BadSignature, func(s map[string]any) { s["sig"].([]byte)[40] ^= 1 }},
		"an ECDSA sig":         {attestation.TPM, attestation.Malformed, func(s map[string]any) { s["sig"] = []byte{0, 0x18, 0, 0x0b, 0, 1, 1, 0, 1, 1} }},
		"certInfo changed":     {attestation.TPM, attestation.BadSignature, func(s map[string]any) { b := s["certInfo"].([]byte); b[len(b)-1] ^= 1 }},
		"not made by a TPM":    {attestation.TPM, attestation.Malformed, func(s map[string]any) { s["certInfo"].([]byte)[0] ^= 1 }},
		"another key's name":   {attestation.TPM, attestation.BadSignature, func(s map[string]any) { b := s["pubArea"].([]byte); b[len(b)-1] ^= 1 }},
		"no pubArea":           {attestation.TPM, attestation.Malformed, func(s map[string]any) { delete(s, "pubArea") }},
		"no certInfo":          {attestation.TPM, attestation.Malformed, func(s map[string]any) { delete(s, "certInfo") }},
		"a number for a bytes": {attestation.TPM, attestation.Malformed, func(s map[string]any) { s["certInfo"] = 7 }},
	} {
		st := m.StepStatement(t, key, challenge)
		if c.format == attestation.TPM {
			st = m.TPMStatement(t, made.Key{Public: key.Public(), Challenge: challenge})
		}
		c.edit(st)
		s := attestation.Statement{Format: c.format, Key: key.Public(), Challenge: challenge, Data: made.Object(t, string(c.format), st)}
		if _, err := v.Verify(s, noon); attestation.ReasonOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	s := statement(t, m, attestation.Step, key)
	s.Format = attestation.TPM
	if _, err := v.Verify(s, noon); attestation.ReasonOf(err) != attestation.Malformed {
		t.Errorf("step as tpm: %v", err)
	}
}

// TestTPMKeyMustStay: a key that was imported, or may be duplicated, is refused.
func TestTPMKeyMustStay(t *testing.T) {
	m := made.New(t, noon)
	v, key := believing(t, m), newKey(t)
	for name, c := range map[string]struct {
		want attestation.Reason
		lose tpm2.KeyProp
	}{
		"may be exported":    {attestation.Exportable, tpm2.FlagFixedTPM},
		"may be duplicated":  {attestation.Exportable, tpm2.FlagFixedParent},
		"was imported":       {attestation.Exportable, tpm2.FlagSensitiveDataOrigin},
		"signs nothing":      {attestation.Extension, tpm2.FlagSign},
		"certifies like AKs": {attestation.BadSignature, 0},
	} {
		attributes := made.Stays &^ c.lose
		if c.lose == 0 {
			attributes |= tpm2.FlagRestricted
		}
		s := attestation.Statement{Format: attestation.TPM, Key: key.Public(), Challenge: challenge}
		s.Data = m.TPM(t, made.Key{Public: key.Public(), Challenge: challenge, Attributes: attributes})
		if _, err := v.Verify(s, noon); attestation.ReasonOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	for name, edit := range map[string]func(*x509.Certificate){
		"not an attestation key's": func(c *x509.Certificate) { c.UnknownExtKeyUsage = nil },
		"with a subject":           func(c *x509.Certificate) { c.Subject.CommonName = "TPM" },
		"without the TPM's name":   func(c *x509.Certificate) { c.ExtraExtensions = nil },
	} {
		s := attestation.Statement{Format: attestation.TPM, Key: key.Public(), Challenge: challenge}
		s.Data = m.TPM(t, made.Key{Public: key.Public(), Challenge: challenge, AK: edit})
		if _, err := v.Verify(s, noon); attestation.ReasonOf(err) != attestation.Extension {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNew(t *testing.T) {
	v, err := attestation.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	m, key := made.New(t, noon), newKey(t)
	for format, want := range map[attestation.Format]attestation.Reason{
		attestation.YubiKey: attestation.Chain, attestation.Step: attestation.Chain, attestation.TPM: attestation.NoRoots,
	} {
		if _, err := v.Verify(statement(t, m, format, key), noon); attestation.ReasonOf(err) != want {
			t.Errorf("%s without roots of one's own: %v, want %s", format, err, want)
		}
	}
	for name, roots := range map[string]attestation.Roots{
		"unknown format": {"packed": m.Roots()},
		"empty":          {attestation.TPM: nil},
		"not a CA":       {attestation.TPM: made.PEM(m.Slot(t, key.Public(), nil))},
		"not PEM":        {attestation.TPM: []byte("root")},
	} {
		if _, err := attestation.New(roots); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzVerify: what is accepted says what the maker said, whatever was changed about it.
func FuzzVerify(f *testing.F) {
	m := made.New(f, noon)
	v, key := believing(f, m), newKey(f)
	seeds, want := 0, map[attestation.Format]attestation.Attested{}
	for i, format := range formats {
		s := statement(f, m, format, key)
		got, err := v.Verify(s, noon)
		if err != nil {
			f.Fatal(err)
		}
		want[format] = got
		f.Add(byte(i), s.Data)
		if raw, err := base64.RawURLEncoding.DecodeString(strings.TrimSpace(string(s.Data))); err == nil {
			f.Add(byte(i), raw)
			seeds++
		}
	}
	if seeds != 2 {
		f.Fatalf("%d seeds of CBOR", seeds)
	}
	var public crypto.PublicKey = key.Public()
	f.Fuzz(func(t *testing.T, n byte, data []byte) {
		format := formats[int(n)%len(formats)]
		got, err := v.Verify(attestation.Statement{Format: format, Data: data, Key: public, Challenge: challenge}, noon)
		if err != nil {
			if attestation.ReasonOf(err) == "" {
				t.Fatalf("an error without a reason: %v", err)
			}
			return
		}
		if got.Device != want[format].Device || got.Root != want[format].Root || !slices.Equal(got.Details, want[format].Details) {
			t.Fatalf("%+v, want %+v", got, want[format])
		}
	})
}
