package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"

	"github.com/hallmark-pki/hallmark/store"
)

// Webhook is an address that is told what happens. Each needs a secret of its own.
type Webhook struct {
	// URL is https; http only to this machine. It may hold a token of the receiver's,
	// so it is not logged.
	URL string
	// Secret is what Verify needs on the other side: 24 to 64 bytes (ParseSecret).
	Secret []byte `json:"-"`
	// Previous is the secret before, while receivers change over: requests carry a
	// signature by each. Empty: there is none.
	Previous []byte `json:"-"`
	// Types are the events that it is told; empty means all.
	Types []string
}

// ID is what the store knows a webhook by: hex, from its URL. A webhook with another
// URL is another webhook.
func (w Webhook) ID() string {
	sum := sha256.Sum256([]byte(w.URL))
	return hex.EncodeToString(sum[:16])
}

// String returns the host of the webhook, which may be logged.
func (w Webhook) String() string {
	if u, err := url.Parse(w.URL); err == nil && u.Host != "" {
		return u.Host
	}
	return "webhook without a host"
}

// Check says what is wrong with a webhook, without naming what is secret.
func (w Webhook) Check() error {
	u, err := url.Parse(w.URL)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("webhook: not an absolute URL")
	case u.User != nil:
		return fmt.Errorf("webhook %s: a user name or password in the URL", w)
	case u.Fragment != "":
		return fmt.Errorf("webhook %s: a fragment in the URL", w)
	case u.Scheme != "https" && (u.Scheme != "http" || !isThisMachine(u.Hostname())):
		return fmt.Errorf("webhook %s: not https", w)
	case !isSecret(w.Secret), len(w.Previous) > 0 && !isSecret(w.Previous):
		return fmt.Errorf("webhook %s: %w", w, ErrSecret)
	}
	for _, name := range w.Types {
		if !slices.ContainsFunc(Types(), func(t Type) bool { return t.Name == name }) {
			return fmt.Errorf("webhook %s: there are no events of type %.80q", w, name)
		}
	}
	return nil
}

func isThisMachine(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// wants reports whether a webhook is told of a notice.
func (w Webhook) wants(n store.Notice) bool {
	return len(w.Types) == 0 || slices.Contains(w.Types, n.Type)
}

// webhookID is the webhook-id of a notice: the same in each try, at each webhook, and
// without the full stops that would make it ambiguous what was signed.
func webhookID(n store.Notice) string {
	sum := sha256.Sum256([]byte(n.ID))
	return "msg_" + hex.EncodeToString(sum[:16])
}
