package main

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"

	"github.com/hallmark-pki/hallmark/attest/mirror"
	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/hallmark-pki/hallmark/sign"
)

// attestationsConfig is about the attestation repository.
type attestationsConfig struct {
	// What a vendor may have on file; 0 means the default (8 GiB, 1,000,000 envelopes).
	MaxBytes     int64 `yaml:"max_bytes,omitempty"`
	MaxEnvelopes int64 `yaml:"max_envelopes,omitempty"`
	// Vendors with a quota of their own, by id.
	Vendors map[string]repository.Quota `yaml:"vendors,omitempty"`
	// NoFetch keeps the gate from looking for evidence at the addresses that a vendor's
	// audited scope names.
	NoFetch bool `yaml:"no_fetch,omitempty"`
	// What may be reached for that beside the public internet, and under which roots.
	AllowNetworks []netip.Prefix `yaml:"allow_networks,omitempty"`
	RootsFile     string         `yaml:"roots_file,omitempty"`
}

func (c attestationsConfig) check(path string) error {
	if err := checkQuota(repository.Quota{MaxBytes: c.MaxBytes, MaxEnvelopes: c.MaxEnvelopes}, path, ""); err != nil {
		return err
	}
	for vendor, q := range c.Vendors {
		if err := checkQuota(q, path, "vendors."+vendor+"."); err != nil {
			return err
		}
	}
	return nil
}

func checkQuota(q repository.Quota, path, at string) error {
	if q.MaxBytes < 0 || q.MaxEnvelopes < 0 {
		return fmt.Errorf("%s: attestations: %smax_bytes and max_envelopes must not be negative", path, at)
	}
	return nil
}

// quota is what a vendor may have on file: what is said for it, else for everybody.
func (c attestationsConfig) quota(vendor string) repository.Quota {
	q := repository.Quota{MaxBytes: c.MaxBytes, MaxEnvelopes: c.MaxEnvelopes}
	own := c.Vendors[vendor]
	if own.MaxBytes > 0 {
		q.MaxBytes = own.MaxBytes
	}
	if own.MaxEnvelopes > 0 {
		q.MaxEnvelopes = own.MaxEnvelopes
	}
	return q
}

// outbound says what may be fetched. dir is the CA's folder.
func (c attestationsConfig) outbound(dir string) (outbound.Policy, error) {
	policy := outbound.Policy{Allow: c.AllowNetworks, UserAgent: "hallmark-evidence"}
	if c.RootsFile == "" {
		return policy, nil
	}
	roots, err := os.ReadFile(inFolder(dir, c.RootsFile))
	if err != nil {
		return policy, fmt.Errorf("attestations: %w", err)
	}
	policy.RootCAs = x509.NewCertPool()
	if !policy.RootCAs.AppendCertsFromPEM(roots) {
		return policy, fmt.Errorf("attestations: %s holds no certificate", c.RootsFile)
	}
	return policy, nil
}

// clients reads evidence as those do who have nothing but a certificate.
func (in *instance) clients(dir string, here *repository.Repository) (*mirror.Reader, error) {
	c := in.config.Attestations
	policy, err := c.outbound(dir)
	if err != nil {
		return nil, err
	}
	return &mirror.Reader{Here: here, Own: []string{in.config.APIURL + "/att"}, Policy: policy, NoFetch: c.NoFetch}, nil
}

// elsewhere looks for evidence at vendors' own hosts; nil: the configuration forbids it.
func (in *instance) elsewhere(dir string, into *repository.Repository) (sign.Elsewhere, error) {
	c := in.config.Attestations
	if c.NoFetch {
		return nil, nil
	}
	policy, err := c.outbound(dir)
	if err != nil {
		return nil, err
	}
	return &mirror.Puller{Into: into, Policy: policy, Own: []string{in.config.APIURL + "/att"}}, nil
}
