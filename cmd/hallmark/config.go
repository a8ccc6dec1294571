package main

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/audit/probe"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/keys/attestation"
	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/outbound"
	"go.yaml.in/yaml/v3"
)

// configVersion is the version of config.yaml that this program writes and reads.
const configVersion = 1

// maxConfigBytes bounds config.yaml and a framework file.
const maxConfigBytes = 1 << 20

// config is config.yaml: what may change while the hierarchy stays. (The CA's name
// and public URL stand in certificates and are the hierarchy's.) Unknown keys are
// refused.
type config struct {
	Version      int    `yaml:"version"`
	APIURL       string `yaml:"api_url"`       // https URL under which clients reach the API
	APIListen    string `yaml:"api_listen"`    // host:port of the API
	PublicListen string `yaml:"public_listen"` // host:port of the public endpoints
	LogOrigin    string `yaml:"log_origin"`    // name of the ledger; never change it

	// Who cosigns the ledger's checkpoints; without all of them, or the quorum, nothing
	// new is published, and so nothing comes into force.
	Witnesses     []ledger.Witness `yaml:"witnesses,omitempty"`
	WitnessQuorum int              `yaml:"witness_quorum,omitempty"`
	// Who is told what happens: docs/webhooks.md.
	Webhooks []webhook `yaml:"webhooks,omitempty"`
	// What becomes of the nonce in OCSP requests: "ignore" (the default) or "echo".
	OCSPNonce string `yaml:"ocsp_nonce,omitempty"`
	// What probes of assessments may reach beside the public internet.
	Probes probesConfig `yaml:"probes,omitempty"`
	// Where new signing keys of vendors are kept: "file" (the default: encrypted in the
	// records), or the URI of a key on a token with {id} in it, such as
	// pkcs11:token=vendors;object={vendor}-{id}?module-path=FILE&pin-source=FILE.
	VendorKeys string `yaml:"vendor_keys,omitempty"`
	// How the issuers of build systems' tokens are reached, beside the public internet.
	CI ciConfig `yaml:"ci,omitempty"`
	// Whose tokens and whose hardware are believed, beside people's client certificates.
	OIDC []oidcConfig `yaml:"oidc,omitempty"`
	ACME acmeConfig   `yaml:"acme,omitempty"`
	// Whose attestations of vendors' keys count: for yubikey, step and tpm a PEM file each
	// with makers' roots, relative to the CA's folder. What is named for one of yubikey and
	// step counts for both, unless both are named; Yubico's roots are believed if neither
	// is, and nobody's for tpm.
	HardwareKeyRoots map[string]string `yaml:"hardware_key_roots,omitempty"`
	// Lists of RSA keys that get no certificate, in the format of Debian's package
	// openssl-blacklist; relative to the CA's folder.
	BlockedKeys []string `yaml:"blocked_keys,omitempty"`
	// Who is asked whether the clock is right, e.g. ntp://time.example.com; while most of
	// them say that it is not, nothing is timestamped. None: the clock is believed.
	TimeSources []string `yaml:"time_sources,omitempty"`
	// Who is asked to repeat builds.
	Rebuilds rebuildsConfig `yaml:"rebuilds,omitempty"`
	// What vendors may file as evidence, and where else it is looked for.
	Attestations attestationsConfig `yaml:"attestations,omitempty"`
	// What is demanded of builds beside what assessments ask.
	Gate gateConfig `yaml:"gate,omitempty"`
	// How signatures are made before all evidence is there, and taken back: docs/administrator.md.
	Provisional provisionalConfig `yaml:"provisional,omitempty"`
}

type rebuildsConfig struct {
	// Operators is how many different operators are asked about a build, one rebuilder of
	// each; 0, the default: every rebuilder of the audited scope. Fewer than a quorum wants
	// keep builds from being signed.
	Operators int `yaml:"operators,omitempty"`
}

// webhook is a receiver of notices. The secret is read from a file, so that the
// configuration can be shown around.
type webhook struct {
	URL        string `yaml:"url"`
	SecretFile string `yaml:"secret_file"` // "whsec_" and base64; relative to the CA's folder
}

type probesConfig struct {
	AllowNetworks []netip.Prefix `yaml:"allow_networks,omitempty"` // e.g. 10.20.0.0/16: where vendors' own hosts stand
	RootsFile     string         `yaml:"roots_file,omitempty"`     // PEM: certificate authorities instead of the system's
}

func readConfig(path string) (config, error) {
	var c config
	raw, err := os.ReadFile(path)
	if err != nil {
		return c, err
	}
	if len(raw) > maxConfigBytes {
		return c, fmt.Errorf("%s is larger than %d bytes", path, maxConfigBytes)
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil {
		return c, fmt.Errorf("read %s: %w", path, err)
	}
	return c, c.check(path)
}

func (c config) check(path string) error {
	if c.Version != configVersion {
		return fmt.Errorf("%s: version %d, this program knows %d", path, c.Version, configVersion)
	}
	if err := checkURL(c.APIURL, "https"); err != nil {
		return fmt.Errorf("%s: api_url: %w", path, err)
	}
	for key, value := range map[string]string{"api_listen": c.APIListen, "public_listen": c.PublicListen, "log_origin": c.LogOrigin} {
		if value == "" {
			return fmt.Errorf("%s: %s is missing", path, key)
		}
	}
	return c.Attestations.check(path)
}

func checkURL(text, scheme string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != scheme || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not an %s URL", text, scheme)
	}
	return nil
}

// hosts lists the names in the API's certificate: the URL's host and, for a
// local listener, the loopback names.
func (c config) hosts() []string {
	u, _ := url.Parse(c.APIURL) // checked by readConfig
	hosts := []string{u.Hostname()}
	if host, _, err := net.SplitHostPort(c.APIListen); err == nil && host != "" && !strings.EqualFold(host, u.Hostname()) {
		if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// receivers reads the webhooks with their secrets. dir is the CA's folder.
func (c config) receivers(dir string) ([]notify.Webhook, error) {
	var list []notify.Webhook
	for i, w := range c.Webhooks {
		raw, err := os.ReadFile(inFolder(dir, w.SecretFile))
		if err != nil {
			return nil, fmt.Errorf("webhooks[%d]: %w", i, err)
		}
		secret, err := notify.ParseSecret(strings.TrimSpace(string(raw)))
		if err != nil {
			return nil, fmt.Errorf("webhooks[%d]: %s: %w", i, w.SecretFile, err)
		}
		list = append(list, notify.Webhook{URL: w.URL, Secret: secret})
	}
	return list, nil
}

// prober makes what runs the probes of assessments.
func (c config) prober(dir string) (*probe.Runner, error) {
	policy := outbound.Policy{Allow: c.Probes.AllowNetworks, UserAgent: "hallmark-probe"}
	var roots []byte
	if c.Probes.RootsFile != "" {
		var err error
		if roots, err = os.ReadFile(inFolder(dir, c.Probes.RootsFile)); err != nil {
			return nil, fmt.Errorf("probes: %w", err)
		}
		policy.RootCAs = x509.NewCertPool()
		if !policy.RootCAs.AppendCertsFromPEM(roots) {
			return nil, fmt.Errorf("probes: %s holds no certificate", c.Probes.RootsFile)
		}
	}
	return &probe.Runner{Outbound: policy, RootsPEM: roots}, nil
}

// blocklist reads the lists of blocked keys; nil: there are none.
func (c config) blocklist(dir string) (*ca.Blocklist, error) {
	if len(c.BlockedKeys) == 0 {
		return nil, nil
	}
	list := new(ca.Blocklist)
	for _, name := range c.BlockedKeys {
		f, err := os.Open(inFolder(dir, name))
		if err != nil {
			return nil, fmt.Errorf("blocked_keys: %w", err)
		}
		err = list.Read(f)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("blocked_keys: %s: %w", name, err)
		}
	}
	return list, nil
}

// hardwareKeys makes what judges attestations of vendors' keys.
func (c config) hardwareKeys(dir string) (*attestation.Verifier, error) {
	roots := attestation.Roots{}
	for format, name := range c.HardwareKeyRoots {
		raw, err := os.ReadFile(inFolder(dir, name))
		if err != nil {
			return nil, fmt.Errorf("hardware_key_roots: %w", err)
		}
		roots[attestation.Format(format)] = raw
	}
	v, err := attestation.New(roots)
	if err != nil {
		return nil, fmt.Errorf("hardware_key_roots: %w", err)
	}
	return v, nil
}

// inFolder finds a file that the configuration names: relative to the CA's folder.
func inFolder(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}
