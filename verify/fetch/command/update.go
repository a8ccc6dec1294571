package command

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/hallmark-pki/hallmark/verify/update"
)

// Where things lie unless flags say otherwise.
const (
	defaultState  = "/var/lib/hallmark/tuf"
	defaultTrust  = "/etc/hallmark/trust.json"
	defaultStatus = "/var/lib/hallmark/status.json"
)

// noNews is the exit code for a source that could not be read: what is here is as good
// as it was, for as long as the status bundle says.
const noNews = 2

// maxRootsFile bounds a file of certificates for TLS; a system's has 200 KiB.
const maxRootsFile = 4 << 20

func placeFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "state", Value: defaultState, Usage: "what was learned in earlier updates, `FOLDER`"},
		&cli.StringFlag{Name: "trust", Value: defaultTrust, Usage: "trust bundle `FILE`"},
		&cli.StringFlag{Name: "status", Value: defaultStatus, Usage: "status bundle `FILE`"},
	}
}

func sourceFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "tls-ca", Usage: "believe these certificate authorities for https and no others, PEM `FILE`"},
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
	}
}

const exitCodes = `Exit codes: 0 done, 1 refused (the reason is on stderr), 2 the source could not be
read or another update is running: what is here stays as it is, 64 wrong usage.`

func (p program) updateCommand() *cli.Command {
	return &cli.Command{
		Name: "update", Usage: "get a newer status and trust bundle",
		Flags: append(append(placeFlags(), sourceFlags()...),
			&cli.StringFlag{Name: "from", Usage: "https `URL` or folder (default: what 'trust add' was told)"},
			&cli.BoolFlag{Name: "print-timer", Usage: "print units for systemd that do this every hour, and do nothing"}),
		Description: `Follows the CA's update repository, wherever a copy of it is, and never goes back:
what is older than what this machine has seen, expired, not signed by whom the last
root named, or put together from different states is refused, and nothing changes.
Redirects stay on the server's host; its address may be in a private network.

` + exitCodes + `

EXAMPLE: hallmark-verify update
         hallmark-verify update --from /media/usb/hallmark
         hallmark-verify update --print-timer`,
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return p.usage(err.Error()) },
		Action:       p.update,
	}
}

func (p program) updater(c *cli.Context) update.Updater {
	return update.Updater{State: c.String("state"), Trust: c.String("trust"), Status: c.String("status"), Now: p.now}
}

func (p program) update(c *cli.Context) error {
	if c.NArg() != 0 {
		return p.usage(fmt.Sprintf("update takes no argument like %.40q", c.Args().First()))
	}
	if c.Bool("print-timer") {
		_, err := io.WriteString(p.stdout, timerUnits)
		return err
	}
	u := p.updater(c)
	src, err := p.source(c, u, c.String("from"))
	if err != nil {
		return err
	}
	result, err := u.Update(c.Context, src)
	if err != nil {
		return p.refused(err)
	}
	return p.printResult(c, result)
}

// source is what a person named, or what was noted when the CA was added.
func (p program) source(c *cli.Context, u update.Updater, named string) (update.Source, error) {
	var roots *x509.CertPool
	if path := c.String("tls-ca"); path != "" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		raw, err := io.ReadAll(io.LimitReader(f, maxRootsFile))
		if err != nil {
			return nil, err
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(raw) {
			return nil, fmt.Errorf("%s has no PEM certificate", path)
		}
	}
	switch {
	case named == "":
		src, err := u.KnownSource(roots)
		if errors.Is(err, os.ErrNotExist) {
			p.complain("this machine trusts no CA yet", "'hallmark-verify trust add URL' does that, or name a source with --from")
			return nil, exit(failed)
		}
		return src, err
	case strings.Contains(named, "://"):
		return update.NewWeb(named, roots)
	}
	return update.Folder(named), nil
}

// refused says why, and what can be done about it.
func (p program) refused(err error) error {
	var e *update.Error
	if !errors.As(err, &e) {
		return err
	}
	p.complain(err.Error(), hints[e.Reason])
	if e.Reason == update.Unreachable || e.Reason == update.Busy {
		return exit(noNews)
	}
	return exit(failed)
}

// hints are what the reader can do. They are constants in spirit.
var hints = map[update.Reason]string{
	update.Absent:         "name the folder that has 1.root.json and timestamp.json, as URL or path; if it is a mirror, copy it again",
	update.NoTrust:        "'hallmark-verify trust add URL' begins to trust a CA",
	update.AlreadyTrusted: "'hallmark-verify trust show' shows it; --replace puts another in its place",
	update.NotConfirmed:   "ask the CA's administrator for the output of 'hallmark trust fingerprint'; nothing was written",
	update.BadSignature:   "this is not the repository of the CA that this machine trusts, or it was changed",
	update.Rollback:       "the source is older than what this machine has seen: use a newer copy, or another mirror",
	update.Expired:        "the source is not kept up, or this machine's clock is wrong ('date -u'): use a newer copy, or another mirror",
	update.Mismatch:       "the copy is not whole, or was changed: copy it again, timestamp.json last",
	update.TooLarge:       "nothing that a CA publishes is as large: use another mirror",
	update.BadStatus:      "the CA published bundles that do not go together: tell its administrator",
	update.Disk:           "it has to be run as a user who may write there, or with other --state, --trust and --status",
}

func (p program) printResult(c *cli.Context, r update.Result) error {
	if c.Bool("json") {
		return p.printJSON(r)
	}
	word := func(changed bool) string {
		if changed {
			return "new"
		}
		return "unchanged"
	}
	_, err := fmt.Fprintf(p.stdout, "status bundle %d of %s: %s, holds until %s\ntrust bundle: %s\n", r.StatusNumber, r.IssuedAt.UTC().Format(time.RFC3339),
		word(r.StatusChanged), r.NextUpdate.UTC().Format(time.RFC3339), word(r.TrustChanged))
	return err
}

func (p program) printJSON(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(append(raw, '\n'))
	return err
}

// timerUnits are two files for /etc/systemd/system. The service may write where the
// bundles lie and nowhere else.
const timerUnits = `# /etc/systemd/system/hallmark-update.service
[Unit]
Description=Newer trust and status bundles for hallmark-verify
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart=/usr/bin/hallmark-verify update
# 2: the source could not be read. What is here holds for days.
SuccessExitStatus=2
StateDirectory=hallmark
ConfigurationDirectory=hallmark
ProtectSystem=strict
ReadWritePaths=/etc/hallmark /var/lib/hallmark
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX

# /etc/systemd/system/hallmark-update.timer
[Unit]
Description=Newer trust and status bundles for hallmark-verify, every hour

[Timer]
OnCalendar=hourly
RandomizedDelaySec=30min
Persistent=yes

[Install]
WantedBy=timers.target

# Without systemd, in /etc/cron.d/hallmark:
# 17 * * * * root /usr/bin/hallmark-verify update >/dev/null
`
