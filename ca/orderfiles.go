package ca

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hallmark-pki/hallmark/durable"
)

// Files of a ceremony, in the hierarchy's directory.
const (
	ceremonyDir  = "ceremony"
	orderFile    = "order.json"
	scriptFile   = "SCRIPT.md"
	nextManifest = "next.json" // hierarchy.json once the answer is there
)

// writeFunc is durable.WriteFile; a test lets it fail.
type writeFunc func(name string, data []byte, perm fs.FileMode) error

func orderPath(dir string) string { return filepath.Join(dir, ceremonyDir, orderFile) }

// orderPending reports whether an order waits for its answer.
func orderPending(dir string) bool {
	_, err := os.Lstat(orderPath(dir))
	return err == nil
}

// writeOrder puts down what the offline machine is to sign, with a script for the
// people. order.json comes last: without it there is no ceremony.
func writeOrder(write writeFunc, dir string, o order, next manifest) error {
	if err := durable.Mkdir(filepath.Join(dir, ceremonyDir), 0o700); err != nil {
		return err
	}
	raw, err := o.marshal()
	if err != nil {
		return err
	}
	if _, err := parseOrder(raw); err != nil {
		return err
	}
	to, err := next.marshal()
	if err != nil {
		return err
	}
	for _, c := range o.Certificates {
		if len(c.Request) == 0 {
			continue
		}
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: c.Request})
		if err := write(filepath.Join(dir, ceremonyDir, c.Name+".csr"), text, 0o644); err != nil {
			return err
		}
	}
	for _, f := range []struct {
		name string
		data []byte
	}{{scriptFile, o.script(digestHex(raw))}, {nextManifest, to}, {orderFile, raw}} {
		if err := write(filepath.Join(dir, ceremonyDir, f.name), f.data, 0o644); err != nil {
			return fmt.Errorf("write order: %w", err)
		}
	}
	return nil
}

func readNext(dir string) (manifest, error) {
	raw, err := readFile(filepath.Join(dir, ceremonyDir, nextManifest), maxFileBytes)
	if err != nil {
		return manifest{}, err
	}
	return parseManifest(raw)
}

// readAllCertificates reads certs/ of a directory, by name; none for no directory.
func readAllCertificates(dir string) (map[string]*x509.Certificate, error) {
	certs := map[string]*x509.Certificate{}
	if dir == "" {
		return certs, nil
	}
	files, err := filepath.Glob(filepath.Join(dir, "certs", "*.pem"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if certs[strings.TrimSuffix(filepath.Base(file), ".pem")], err = readCertificate(file); err != nil {
			return nil, err
		}
	}
	return certs, nil
}

func marshalIndented(v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}
