package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/server"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
	"go.yaml.in/yaml/v3"
)

// What lies in the folder of a CA.
const (
	instanceConfig     = "config.yaml"
	instanceHierarchy  = "hierarchy"    // keys and certificates, package ca
	instanceStore      = "hallmark.db"  // records, package store/bolt
	instanceLedger     = "ledger"       // transparency log, package ledger
	instanceRepository = "attestations" // evidence, package attest/repository
	instanceFrameworks = "frameworks"   // *.yaml: frameworks of the administrator's own
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
	return nil
}

func checkURL(text, scheme string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != scheme || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not an %s URL", text, scheme)
	}
	return nil
}

// instance is an opened CA: everything that serve wires together.
type instance struct {
	config config
	store  *bolt.DB
	ledger *ledger.Log
	ca     *ca.CA
	reg    *audit.Register
	step   *ca.StepAuthority
	server *server.Server
	log    *slog.Logger
}

// readCatalogue returns the frameworks shipped and, unless dir is empty, those in dir.
func readCatalogue(dir string) (*audit.Catalogue, error) {
	catalogue, err := audit.Embedded()
	if err != nil || dir == "" {
		return catalogue, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		framework, err := audit.ParseFramework(raw)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if err := catalogue.Add(framework); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return catalogue, nil
}

// openInstance opens the CA in dir. Close it.
func openInstance(ctx context.Context, dir string, passphrase []byte, log *slog.Logger) (_ *instance, err error) {
	conf, err := readConfig(filepath.Join(dir, instanceConfig))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withHint(fmt.Errorf("there is no CA in %s", dir), "make one with 'hallmark init', or name its folder with --dir")
	}
	if err != nil {
		return nil, err
	}
	hierarchy, err := ca.OpenHierarchy(filepath.Join(dir, instanceHierarchy), passphrase)
	if errors.Is(err, ca.ErrPassphrase) {
		return nil, withHint(err, "the passphrase is the one given to 'hallmark init'")
	}
	if err != nil {
		return nil, err
	}
	in := &instance{config: conf, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.Close(context.WithoutCancel(ctx)))
		}
	}()
	if in.store, err = bolt.Open(filepath.Join(dir, instanceStore), bolt.Options{MustExist: true}); err != nil {
		return nil, err
	}
	return in, in.wire(ctx, dir, hierarchy, passphrase)
}

func (in *instance) wire(ctx context.Context, dir string, hierarchy *ca.Hierarchy, passphrase []byte) error {
	catalogue, err := readCatalogue(filepath.Join(dir, instanceFrameworks))
	if err != nil {
		return err
	}
	in.ca, err = ca.Open(ctx, ca.Config{
		Hierarchy: hierarchy, Passphrase: passphrase, Store: in.store, Catalogue: catalogue,
		ServerNames: in.config.hosts(), Now: time.Now, Log: in.log,
	})
	if err != nil {
		return err
	}
	vkey, err := in.openLedger(ctx, dir)
	if err != nil {
		return err
	}
	in.reg, err = audit.New(audit.Config{
		Store: in.store, Ledger: in.ledger, Certificates: in.ca, Catalogue: catalogue, Arc: in.ca.Arc(), Now: time.Now, Log: in.log,
	})
	if err != nil {
		return err
	}
	evidence, err := repository.Open(filepath.Join(dir, instanceRepository))
	if err != nil {
		return err
	}
	signing, err := sign.New(sign.Config{
		Store: in.store, Keys: in.ca, Stamper: in.ca, Issuers: in.ca, Evidence: evidence, Arc: in.ca.Arc(),
		VSASigner: in.ca.VSASigner(), VerifierID: in.config.APIURL, Now: time.Now,
	})
	if err != nil {
		return err
	}
	in.step, err = in.ca.NewStepAuthority(ca.StepOptions{DNSNames: in.config.hosts()})
	if err != nil {
		return err
	}
	in.server, err = server.New(server.Config{
		Name: in.ca.Summary().Name, Version: version, APIURL: in.config.APIURL,
		Store: in.store, CA: in.ca, Operator: in.ca, Register: in.reg, Catalogue: catalogue, Repository: evidence,
		Ledger: in.ledger, LedgerKey: vkey, Signing: signing, Step: in.step.Handler(), Log: in.log, Now: time.Now,
	})
	return err
}

// openLedger opens the log and makes sure that it is not older than the records
// which hold receipts from it.
func (in *instance) openLedger(ctx context.Context, dir string) (vkey string, err error) {
	signer, vkey, err := ledger.NewSigner(in.config.LogOrigin, in.ca.LedgerKey())
	if err != nil {
		return "", err
	}
	minSize := uint64(0)
	err = in.store.View(ctx, func(r store.Reader) error {
		for a, err := range store.Assessments.All(r, "") {
			if err != nil {
				return err
			}
			if len(a.Receipt) > 0 {
				minSize = max(minSize, a.LogIndex+1)
			}
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	in.ledger, err = ledger.Open(ctx, ledger.Options{Dir: filepath.Join(dir, instanceLedger), Signer: signer, VKey: vkey, MinSize: minSize, Log: in.log})
	return vkey, err
}

// Close releases the folder. What has been acknowledged is on disk already.
func (in *instance) Close(ctx context.Context) error {
	var errs []error
	if in.step != nil {
		errs = append(errs, in.step.Shutdown())
	}
	if in.ledger != nil {
		errs = append(errs, in.ledger.Close(ctx))
	}
	if in.store != nil {
		errs = append(errs, in.store.Close())
	}
	return errors.Join(errs...)
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
