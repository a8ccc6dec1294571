package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/hallmark-pki/hallmark/attest/repository"
	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/audit/evidence"
	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/ca/stepca"
	"github.com/hallmark-pki/hallmark/ledger"
	"github.com/hallmark-pki/hallmark/ledger/queue"
	"github.com/hallmark-pki/hallmark/notify"
	"github.com/hallmark-pki/hallmark/rebuild"
	"github.com/hallmark-pki/hallmark/server"
	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/sign/confirm"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/sign/release"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
	"github.com/hallmark-pki/hallmark/timesource"
)

// What lies in the folder of a CA.
const (
	instanceConfig     = "config.yaml"
	instanceHierarchy  = "hierarchy"    // keys and certificates, package ca
	instanceStore      = "hallmark.db"  // records, package store/bolt
	instanceLedger     = "ledger"       // transparency log, package ledger
	instanceRepository = "attestations" // evidence, package attest/repository
	instanceEvidence   = "evidence"     // files that assessments name, package audit/evidence
	instanceFrameworks = "frameworks"   // *.yaml: frameworks of the administrator's own
)

// instance is an opened CA: everything that serve wires together.
type instance struct {
	config   config
	store    *bolt.DB
	ledger   *ledger.Log
	ca       *ca.CA
	reg      *audit.Register
	queue    *queue.Queue
	sender   *notify.Sender
	files    *evidence.Store
	step     *stepca.Authority
	server   *server.Server
	confirm  *confirm.Reconciler
	rebuilds *rebuild.Queue
	clock    *timesource.Monitor // nil: no time sources
	log      *slog.Logger

	hierarchy *ca.Hierarchy
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
func openInstance(ctx context.Context, dir string, secrets ca.Secrets, log *slog.Logger) (_ *instance, err error) {
	conf, err := readConfig(filepath.Join(dir, instanceConfig))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withHint(fmt.Errorf("there is no CA in %s", dir), "make one with 'hallmark init', or name its folder with --dir")
	}
	if err != nil {
		return nil, err
	}
	hierarchy, err := ca.OpenHierarchyWith(ctx, filepath.Join(dir, instanceHierarchy), secrets)
	if err != nil {
		return nil, keyProblem(err)
	}
	in := &instance{config: conf, hierarchy: hierarchy, log: log}
	defer func() {
		if err != nil {
			err = errors.Join(err, in.Close(context.WithoutCancel(ctx)))
		}
	}()
	if in.store, err = bolt.Open(filepath.Join(dir, instanceStore), bolt.Options{MustExist: true}); err != nil {
		return nil, err
	}
	return in, in.wire(ctx, dir)
}

func (in *instance) wire(ctx context.Context, dir string) error {
	catalogue, err := readCatalogue(filepath.Join(dir, instanceFrameworks))
	if err != nil {
		return err
	}
	trusted, err := in.watchClock()
	if err != nil {
		return err
	}
	hardware, err := in.config.hardwareKeys(dir)
	if err != nil {
		return err
	}
	blocked, err := in.config.blocklist(dir)
	if err != nil {
		return err
	}
	in.ca, err = ca.Open(ctx, ca.Config{
		Hierarchy: in.hierarchy, Store: in.store, Catalogue: catalogue,
		ServerNames: in.config.hosts(), ClockTrusted: trusted, HardwareKeys: hardware, Blocked: blocked, OCSPNonce: in.config.OCSPNonce, VendorKeys: in.config.VendorKeys, Now: time.Now, Log: in.log,
		// The register is made of the CA, so the CA asks for it when it is there.
		Probes: func(ctx context.Context, vendor string) error { return in.reg.Refresh(ctx, vendor) },
	})
	if err != nil {
		return err
	}
	vkey, err := in.openLedger(ctx, dir)
	if err != nil {
		return err
	}
	prober, err := in.config.prober(dir)
	if err != nil {
		return err
	}
	in.queue = &queue.Queue{Store: in.store, Log: in.ledger, Now: time.Now}
	in.reg, err = audit.New(audit.Config{
		Store: in.store, Ledger: in.ledger, Queue: in.queue, Certificates: in.ca, Catalogue: catalogue, Arc: in.ca.Arc(),
		Prober: prober, Now: time.Now, Log: in.log,
	})
	if err != nil {
		return err
	}
	webhooks, err := in.config.receivers(dir)
	if err != nil {
		return err
	}
	in.sender = &notify.Sender{Store: in.store, Webhooks: webhooks, Now: time.Now, Log: in.log}
	if err := in.sender.Check(); err != nil {
		return err
	}
	return in.serve(dir, catalogue, vkey)
}

// serve puts the HTTP server together.
func (in *instance) serve(dir string, catalogue *audit.Catalogue, vkey string) error {
	var err error
	if in.files, err = evidence.Open(filepath.Join(dir, instanceEvidence)); err != nil {
		return err
	}
	attestations, err := repository.OpenWith(filepath.Join(dir, instanceRepository), repository.Options{Quota: in.config.Attestations.quota})
	if err != nil {
		return err
	}
	releases, err := release.New(release.Config{Store: in.store, Rules: &gate.Compiler{}, Factors: []release.SecondFactor{release.SSH{}}, Now: time.Now})
	if err != nil {
		return err
	}
	elsewhere, err := in.elsewhere(dir, attestations)
	if err != nil {
		return err
	}
	clients, err := in.clients(dir, attestations)
	if err != nil {
		return err
	}
	machines, err := in.machines(dir)
	if err != nil {
		return err
	}
	provisional, err := in.provisional()
	if err != nil {
		return err
	}
	judge, err := in.config.Gate.gate(time.Now)
	if err != nil {
		return err
	}
	signing, err := sign.New(sign.Config{
		Provisional: provisional, Release: releases, Elsewhere: elsewhere, Clients: clients, Installer: installer{in.ca, vkey},
		Store: in.store, Keys: in.ca, Stamper: in.ca, Issuers: in.ca, Builds: in.ca, Evidence: attestations, Arc: in.ca.Arc(),
		VSASigner: in.ca.VSASigner(), VerifierID: in.config.APIURL, Catalogue: catalogue, Gate: judge, Now: time.Now,
		Formats: formats(),
	})
	if err != nil {
		return err
	}
	in.rebuilds = &rebuild.Queue{Store: in.store, Repository: attestations.Independent(), Now: time.Now, Operators: in.config.Rebuilds.Operators}
	if err := in.rebuilds.Check(); err != nil {
		return err
	}
	if in.confirm, err = in.reconciler(signing, attestations); err != nil {
		return err
	}
	in.rebuilds.Filed = in.confirm.Poke
	acmeDirectory, err := in.openStep(dir)
	if err != nil {
		return err
	}
	in.server, err = server.New(server.Config{
		Clock: in.clock, Release: releases, Machines: machines,
		Name: in.ca.Summary().Name, Version: version, APIURL: in.config.APIURL,
		Store: in.store, CA: in.ca, Operator: in.ca, Register: in.reg, Catalogue: catalogue, Repository: attestations, Queue: in.queue, Evidence: in.files,
		Ledger: in.ledger, LedgerKey: vkey, Signing: signing, Rebuilds: in.rebuilds, Confirm: in.confirm, Step: in.step.Handler(), ACMEDirectory: acmeDirectory, Log: in.log, Now: time.Now,
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
	var minSize uint64
	err = in.store.View(ctx, func(r store.Reader) error {
		var err error
		minSize, err = queue.MinSize(r)
		return err
	})
	if err != nil {
		return "", err
	}
	in.ledger, err = ledger.Open(ctx, ledger.Options{Dir: filepath.Join(dir, instanceLedger), Signer: signer, VKey: vkey, MinSize: minSize,
		Witnesses: in.config.Witnesses, WitnessQuorum: in.config.WitnessQuorum, Log: in.log})
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
	if in.files != nil {
		errs = append(errs, in.files.Close())
	}
	if in.store != nil {
		errs = append(errs, in.store.Close())
	}
	errs = append(errs, in.hierarchy.Close())
	return errors.Join(errs...)
}
