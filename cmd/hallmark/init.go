package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/hallmark-pki/hallmark/ca"
	"github.com/hallmark-pki/hallmark/durable"
	"github.com/hallmark-pki/hallmark/ext"
	"github.com/hallmark-pki/hallmark/server"
	"github.com/hallmark-pki/hallmark/server/api"
	"github.com/hallmark-pki/hallmark/store"
	"github.com/hallmark-pki/hallmark/store/bolt"
	"github.com/urfave/cli/v2"
	"go.yaml.in/yaml/v3"
)

var dirFlag = &cli.StringFlag{Name: "dir", EnvVars: []string{"HALLMARK_DIR"}, Value: "hallmark-ca", Usage: "folder of the CA"}

func (e *env) initCommand() *cli.Command {
	return command(cli.Command{
		Name: "init", Usage: "make a CA: keys, certificates, store, ledger, and an invitation for the first officer",
		Flags: []cli.Flag{jsonFlag, dirFlag,
			&cli.StringFlag{Name: "name", Usage: "name of the CA; begins the common name of its certificates"},
			&cli.StringFlag{Name: "organization", Usage: "organisation that runs it (subject O)"},
			&cli.StringFlag{Name: "country", Usage: "two-letter code (subject C)"},
			&cli.StringFlag{Name: "api-url", Value: "https://localhost:8443", Usage: "https URL under which people reach the API"},
			&cli.StringFlag{Name: "public-url", Value: "http://localhost:8080", Usage: "http URL that certificates point to for revocation lists; it cannot be changed later"},
			&cli.StringFlag{Name: "api-listen", Value: "127.0.0.1:8443", Usage: "address of the API"},
			&cli.StringFlag{Name: "public-listen", Value: "127.0.0.1:8080", Usage: "address of the public endpoints"},
			&cli.StringFlag{Name: "oid-arc", Usage: "object identifier arc for the mark, if you have a Private Enterprise Number (default: hallmark's own)"},
			&cli.IntFlag{Name: "crl-shards", Value: ca.DefaultShards, Usage: "revocation lists per issuing CA, 1 to 4096; it cannot be changed later"},
			keyPlaceFlag, pinFlag,
			&cli.BoolFlag{Name: "root-offline", Usage: "leave the root's and the timestamping CA's keys to a ceremony on another machine"},
			&cli.StringFlag{Name: "officer", Value: "officer", Usage: "name of the first officer"},
		},
		Description: `The folder appears only when it is complete. The passphrase encrypts every key;
'serve' needs it again, and nobody can restore it. Afterwards move
hierarchy/keys/root.pem off the machine: serving does not need it. Or it is never
there: with --root-offline, hierarchy/ceremony has what the root is to sign and a
script of every step, and the CA serves after 'hallmark ceremony import'.

--key NAME=URI makes a key on a token instead of in a file; NAME is root, timestamping,
tsa, operator, vsa, status, distribution, a tier, or "tiers" for all of them. {name} in the URI becomes the
key's name. The PIN is read from pin-source=FILE in the URI or --pin-file, or asked for.

EXAMPLE: hallmark init --dir ca --name "Example CA" --organization "Example" --country US
         hallmark init --dir ca --name "Example CA" --organization "Example" --country US --root-offline \
           --key 'tiers=pkcs11:token=ca;object={name}?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/etc/hallmark/pin'`,
	}, 0, 0, e.init)
}

// initialised is what init prints.
type initialised struct {
	Dir        string         `json:"dir"`
	Summary    ca.Summary     `json:"hierarchy"`
	Invitation api.Invitation `json:"invitation"`
}

func (e *env) init(c *cli.Context) error {
	if err := need(c, "name", "organization", "country"); err != nil {
		return err
	}
	dir := filepath.Clean(c.String("dir"))
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return withHint(fmt.Errorf("%s exists", dir), "a CA is never made over something else; name another folder with --dir")
	}
	conf, arc, err := initConfig(c)
	if err != nil {
		return err
	}
	places, err := keyPlaces(c)
	if err != nil {
		return err
	}
	secrets, err := e.secrets(c, "Passphrase for the new CA's keys")
	if err != nil {
		return err
	}
	partial, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".init-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(partial) // gone already when everything went well
	out, err := makeInstance(c.Context, partial, conf, ca.InitConfig{
		Dir: filepath.Join(partial, instanceHierarchy), Name: c.String("name"), Organization: c.String("organization"),
		Country: c.String("country"), Passphrase: secrets.Passphrase, PublicURL: c.String("public-url"), Arc: arc, CRLShards: c.Int("crl-shards"), Now: time.Now,
		Keys: places, PIN: secrets.PIN, RootOffline: c.Bool("root-offline"),
	}, c.String("officer"), c.String("organization"))
	if err != nil {
		return keyProblem(err)
	}
	if err := publish(partial, dir); err != nil {
		return err
	}
	out.Dir = dir
	lines := []string{
		fmt.Sprintf("made %s in %s", out.Summary.Name, dir), "  root sha256  " + out.Summary.RootFingerprint,
		"start it with", "  hallmark serve --dir " + dir,
	}
	if c.Bool("root-offline") {
		lines = []string{
			fmt.Sprintf("made %s in %s, without a root", out.Summary.Name, dir), "the ceremony's script is",
			"  " + filepath.Join(dir, instanceHierarchy, "ceremony", "SCRIPT.md"), "after it, start the CA with", "  hallmark serve --dir " + dir,
		}
	}
	return e.printDone(c, out, append(lines,
		fmt.Sprintf("and let %s (officer) enrol once until %s:", out.Invitation.Person.ID, moment(out.Invitation.ExpiresAt)),
		"  hallmark enroll "+out.Invitation.Token)...)
}

func initConfig(c *cli.Context) (config, ext.Arc, error) {
	conf := config{
		Version: configVersion, APIURL: c.String("api-url"), APIListen: c.String("api-listen"), PublicListen: c.String("public-listen"),
	}
	if u, err := url.Parse(conf.APIURL); err == nil {
		conf.LogOrigin = u.Host + "/log"
	}
	if err := conf.check("command line"); err != nil {
		return conf, ext.Arc{}, &usageError{text: err.Error()}
	}
	if n := c.Int("crl-shards"); n < 1 || n > ca.MaxShards {
		return conf, ext.Arc{}, &usageError{text: fmt.Sprintf("--crl-shards %d", n), hint: fmt.Sprintf("1 to %d", ca.MaxShards)}
	}
	if err := checkURL(c.String("public-url"), "http"); err != nil {
		return conf, ext.Arc{}, &usageError{text: "--public-url: " + err.Error()}
	}
	arc := ext.DefaultArc()
	if text := c.String("oid-arc"); text != "" {
		var err error
		if arc, err = ext.ParseArc(text); err != nil {
			return conf, ext.Arc{}, &usageError{text: fmt.Sprintf("--oid-arc: %v", err)}
		}
	}
	return conf, arc, nil
}

// makeInstance fills an empty folder.
func makeInstance(ctx context.Context, dir string, conf config, hierarchy ca.InitConfig, officer, organization string) (initialised, error) {
	summary, err := ca.Init(ctx, hierarchy)
	if err != nil {
		return initialised{}, err
	}
	text, err := yaml.Marshal(conf)
	if err != nil {
		return initialised{}, err
	}
	for _, sub := range []string{instanceFrameworks, instanceRepository} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			return initialised{}, err
		}
	}
	if err := durable.WriteFile(filepath.Join(dir, instanceConfig), text, 0o644); err != nil { // the folders with it
		return initialised{}, err
	}
	invitation, err := firstOfficer(ctx, filepath.Join(dir, instanceStore), conf, summary, officer, organization)
	return initialised{Summary: summary, Invitation: invitation}, err
}

// firstOfficer opens the store for the first time and records the one person who
// is not invited by another.
func firstOfficer(ctx context.Context, path string, conf config, summary ca.Summary, name, organization string) (api.Invitation, error) {
	var fingerprint [32]byte
	if _, err := hex.Decode(fingerprint[:], []byte(summary.OperatorRootFingerprint)); err != nil {
		return api.Invitation{}, fmt.Errorf("operator CA fingerprint: %w", err)
	}
	now := time.Now().UTC()
	person := store.Person{ID: name, Role: api.RoleOfficer, Organization: organization, CreatedAt: now}
	enrolment, token := server.Invite(person.ID, conf.APIURL, fingerprint, now)
	enrolment.Consent, enrolment.InvitedBy = store.ConsentAlone, store.InvitedByInit
	event := store.NewEvent(now, "init", "add.person", person.ID, map[string]string{"role": person.Role})

	db, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return api.Invitation{}, err
	}
	err = db.Update(ctx, func(tx store.Tx) error {
		return errors.Join(store.People.Insert(tx, person), store.Enrolments.Insert(tx, enrolment), store.Events.Insert(tx, event))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return api.Invitation{}, err
	}
	return api.Invitation{
		Person: api.Person{ID: person.ID, Role: person.Role, Organization: person.Organization, CreatedAt: now},
		Token:  token.String(), ExpiresAt: enrolment.ExpiresAt,
	}, nil
}

// publish gives a finished folder its name, and makes that durable.
func publish(partial, dir string) error {
	if err := os.Chmod(partial, 0o700); err != nil {
		return err
	}
	if err := os.Rename(partial, dir); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(dir))
}
