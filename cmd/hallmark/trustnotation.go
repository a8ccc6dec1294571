package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/verify"
	"github.com/urfave/cli/v2"
)

// exportNotation writes what the Notary Project's tools keep in their configuration
// folder: a trust store for code signing, one for timestamps, and a trust policy. With
// a tier, the first holds its CA's certificate, which stands in every signature of that
// tier and in no other.
func (e *env) exportNotation(c *cli.Context) error {
	client, err := e.client(c)
	if err != nil {
		return err
	}
	var raw []byte
	if err := client.Get(c.Context, "/v1/trust", &raw); err != nil {
		return err
	}
	trust, err := verify.ParseTrust(raw)
	if err != nil {
		return err
	}
	name, anchors := "hallmark", trust.Roots
	if tier := c.String("tier"); tier != "" {
		issuing, err := caCertificate(c, client, tier)
		if err != nil {
			return err
		}
		name, anchors = "hallmark-"+tier, []*x509.Certificate{issuing}
	}
	out := c.String("out")
	for kind, certs := range map[string][]*x509.Certificate{"ca": anchors, "tsa": trust.TimestampRoots} {
		if err := e.writeStore(filepath.Join(out, "truststore", "x509", kind, name), certs); err != nil {
			return err
		}
	}
	return e.writeNotationPolicy(filepath.Join(out, "trustpolicy.json"), name)
}

// writeStore writes certificates as files of a folder.
func (e *env) writeStore(dir string, certs []*x509.Certificate) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for i, cert := range certs {
		path := filepath.Join(dir, fmt.Sprintf("%d.pem", i+1))
		if err := durable.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(e.stdout, "wrote %s\n", path)
	}
	return nil
}

// writeNotationPolicy leaves a policy alone that is there: it is the owner's.
func (e *env) writeNotationPolicy(path, store string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(e.stderr, "%s is there already: add \"ca:%s\" and \"tsa:%s\" to its trustStores\n", path, store, store)
		return err
	}
	policy, err := json.MarshalIndent(map[string]any{
		"version": "1.0",
		"trustPolicies": []any{map[string]any{
			"name": store, "registryScopes": []string{"*"}, "trustedIdentities": []string{"*"},
			"trustStores":           []string{"ca:" + store, "tsa:" + store},
			"signatureVerification": map[string]string{"level": "strict", "verifyTimestamp": "always"},
		}},
	}, "", "  ")
	if err != nil {
		return err
	}
	if err := durable.WriteFile(path, append(policy, '\n'), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "wrote %s\n", path)
	return nil
}
