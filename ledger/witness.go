package ledger

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/hallmark-pki/hallmark/ledger/receipt"
	"github.com/hallmark-pki/hallmark/outbound"
	"github.com/transparency-dev/tessera"
	"golang.org/x/mod/sumdb/note"
)

// Witness is somebody else's server that cosigns each checkpoint of the log, if it
// extends the last one that it saw (c2sp.org/tlog-witness). A log with witnesses cannot
// show different histories to different people without the witnesses' help.
type Witness struct {
	// Key is the witness's verifier key, "<name>+<8 hex>+<base64>", of algorithm 4:
	// Ed25519 cosignatures. Receipts and checkpoints then hold a signature by it.
	Key string `yaml:"key" json:"key"`
	// URL is the witness's submission prefix, http or https; the log posts to
	// URL/add-checkpoint.
	URL string `yaml:"url" json:"url"`
}

var errWitnessURL = errors.New("not an http or https URL without credentials, query and fragment")

// witnessGroup reads the witnesses of o for the log library, and what their cosignatures
// must come to.
func witnessGroup(o Options, log note.Verifier) (tessera.WitnessGroup, receipt.Policy, error) {
	p := receipt.Policy{Logs: []note.Verifier{log}, Quorum: o.WitnessQuorum}
	quorum := o.WitnessQuorum
	if quorum == 0 {
		quorum = len(o.Witnesses)
	}
	if quorum < 0 || quorum > len(o.Witnesses) || len(o.Witnesses) > maxWitnesses {
		return tessera.WitnessGroup{}, p, fmt.Errorf("%d of %d witnesses must cosign, and there can be %d", quorum, len(o.Witnesses), maxWitnesses)
	}
	group := tessera.NewWitnessGroup(0)
	group.N = quorum
	keys, urls := map[string]bool{}, map[string]bool{}
	for _, w := range o.Witnesses {
		member, key, err := w.read()
		if err != nil {
			return tessera.WitnessGroup{}, p, fmt.Errorf("witness %.200q: %w", w.Key, err)
		}
		public := w.Key[strings.LastIndex(w.Key, "+"):]
		if keys[public] || urls[member.URL] {
			return tessera.WitnessGroup{}, p, fmt.Errorf("witness %.200q: its key or its URL is another's as well", w.Key)
		}
		keys[public], urls[member.URL] = true, true
		group.Components = append(group.Components, member)
		p.Witnesses = append(p.Witnesses, key)
	}
	return group, p, nil
}

func (w Witness) read() (tessera.Witness, note.Verifier, error) {
	key, err := receipt.NewWitness(w.Key)
	if err != nil {
		return tessera.Witness{}, nil, err
	}
	u, err := url.Parse(w.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return tessera.Witness{}, nil, fmt.Errorf("URL %.200q: %w", w.URL, errWitnessURL)
	}
	member, err := tessera.NewWitness(w.Key, u)
	return member, key, err
}

// witnessClient asks witnesses. What it reads is bounded, which the log library leaves
// to it, and a witness cannot send it elsewhere.
func witnessClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		transport = http.DefaultTransport
	}
	return &http.Client{Transport: bounded{transport}, Timeout: witnessTimeout, CheckRedirect: outbound.CheckRedirect}
}

// bounded cuts answers off.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxWitnessAnswer), response.Body}
	return response, nil
}
