// Package templates holds what a certificate of each kind looks like, as data.
//
// To see what hallmark writes into a certificate, read profiles/<name>.json: a
// go.step.sm/crypto/x509util template. To see which issuing CA may certify which
// level, read tiers.yaml; how long a certificate may last, validity.yaml. Code only fills in values; key usages, extended key
// usages, path lengths and which extensions there are stand in the files alone.
//
// Every value is inserted as {{ toJson .X }}, never between quotes: a value that
// closed its own quotes would write the rest of the certificate (a common name of
// `v"},"basicConstraints":{"isCA":true},"x":{"y":"` made a CA). A test reads all
// files for it.
package templates

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"text/template"

	"go.step.sm/crypto/x509util"
)

// FS holds profiles/*.json, tiers.yaml and validity.yaml.
//
//go:embed profiles/*.json tiers.yaml validity.yaml
var FS embed.FS

// Name is the name of a certificate profile: profiles/<name>.json.
type Name string

// The profiles.
const (
	Root           Name = "root"            // self-signed root of code signing and timestamping
	Tier           Name = "tier"            // issuing CA
	Cross          Name = "cross"           // a root under another root, for code signing alone
	TierTwin       Name = "tier-twin"       // the same name and key as a tier, self-signed
	TimestampingCA Name = "timestamping-ca" // issuing CA of the timestamping authority
	TSA            Name = "tsa"             // RFC 3161 §2.3: one EKU, critical
	CodeSigning    Name = "code-signing"    // a vendor's certificate
	OCSP           Name = "ocsp"            // delegated responder, RFC 6960 §4.2.2.2
	OperatorCA     Name = "operator-ca"     // root of client and server certificates
	Client         Name = "client"          // a person's mTLS certificate
	Server         Name = "server"          // the server's TLS certificate
)

// The templates of the step-compatible ways in; smallstep renders them, with its own
// values, so they are not among the Names that Load takes.
const (
	stepName      = "step"       // X5C: the client certificate
	stepTokenName = "step-token" // OIDC: issuer and subject of the token
	stepKnownName = "step-known" // JWK and ACME: what the server found before
)

// Values are what a profile is filled with. A profile ignores what it has no place for.
type Values struct {
	CommonName   string
	Organization string
	Country      string      // ISO 3166-1 alpha-2, "" leaves the attribute out
	URIs         []string    // URI SANs
	DNSNames     []string    // DNS SANs
	IPAddresses  []string    // IP SANs
	Policies     []string    // certificatePolicies, dotted
	CRL          string      // CRL distribution point, http URL
	CAIssuers    string      // AIA caIssuers, http URL
	OCSP         string      // AIA OCSP, http URL; "" leaves it out
	Extensions   []Extension // raw extensions, in this order
}

// Extension is one extension with its DER value.
type Extension struct {
	ID       string `json:"id"`
	Critical bool   `json:"critical"`
	Value    []byte `json:"value"`
}

// Profile is a parsed template. It is immutable and safe for concurrent use.
type Profile struct {
	name     Name
	template *template.Template
}

// Load parses a profile. It fails for a name without a file and for a template
// that does not parse.
func Load(name Name) (Profile, error) {
	text, err := FS.ReadFile("profiles/" + string(name) + ".json")
	if err != nil {
		return Profile{}, fmt.Errorf("load profile %s: %w", name, err)
	}
	t, err := template.New(string(name)).Funcs(x509util.GetFuncMap()).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return Profile{}, fmt.Errorf("parse profile %s: %w", name, err)
	}
	return Profile{name: name, template: t}, nil
}

// StepTemplate returns the text of the template that smallstep's X5C provisioner
// renders. marker becomes the subject's serialNumber.
func StepTemplate(marker string) (string, error) {
	return stepTemplate(stepName, map[string]string{"Marker": marker})
}

// StepTokenTemplate is the same for OIDC: the token's iss becomes the organization, its
// sub the organizational unit.
func StepTokenTemplate(marker string) (string, error) {
	return stepTemplate(stepTokenName, map[string]string{"Marker": marker})
}

// StepKnownTemplate is the same for a client that is known already: known becomes the
// common name.
func StepKnownTemplate(marker, known string) (string, error) {
	return stepTemplate(stepKnownName, map[string]string{"Marker": marker, "Known": known})
}

// stepTemplate fills in our values and leaves the rest to smallstep. Our values are
// read as template text there, so that "{{" may not be in them.
func stepTemplate(name string, values map[string]string) (string, error) {
	text, err := FS.ReadFile("profiles/" + name + ".json")
	if err != nil {
		return "", fmt.Errorf("load profile %s: %w", name, err)
	}
	for key, value := range values {
		quoted, err := json.Marshal(value)
		if err != nil {
			return "", fmt.Errorf("quote %s: %w", key, err)
		}
		if bytes.Contains(quoted, []byte("{{")) {
			return "", fmt.Errorf("%s %q would be read as a template", key, value)
		}
		text = bytes.ReplaceAll(text, []byte("{{ toJson ."+key+" }}"), quoted)
	}
	return string(text), nil
}

// Name returns the profile's name.
func (p Profile) Name() Name { return p.name }

// Render fills the profile in and returns an unsigned certificate for pub. Serial
// number, validity and key identifiers are left to the caller. A key that
// x509util does not know is an error: a misspelt one would silently drop a
// restriction.
func (p Profile) Render(pub crypto.PublicKey, v Values) (*x509.Certificate, error) {
	var out bytes.Buffer
	if err := p.template.Execute(&out, v.data()); err != nil {
		return nil, fmt.Errorf("fill in profile %s: %w", p.name, err)
	}
	dec := json.NewDecoder(&out)
	dec.DisallowUnknownFields()
	var c x509util.Certificate
	if err := dec.Decode(&c); err != nil {
		return nil, fmt.Errorf("read profile %s: %w", p.name, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, fmt.Errorf("read profile %s: text after the object", p.name)
	}
	c.PublicKey = pub
	return c.GetCertificate(), nil
}

func (v Values) data() map[string]any {
	return map[string]any{
		"CommonName":   v.CommonName,
		"Organization": list(v.Organization),
		"Country":      list(v.Country),
		"URIs":         v.URIs,
		"DNSNames":     v.DNSNames,
		"IPAddresses":  v.IPAddresses,
		"Policies":     v.Policies,
		"CRL":          list(v.CRL),
		"CAIssuers":    list(v.CAIssuers),
		"OCSP":         list(v.OCSP),
		"Extensions":   v.Extensions,
	}
}

// list makes an absent value absent in the certificate, where "" would be an empty one.
func list(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
