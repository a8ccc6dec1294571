package workload

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hallmark-pki/hallmark/outbound"
	"go.step.sm/crypto/jose"
)

// issuer holds an issuer's keys.
type issuer struct {
	url string

	mu    sync.Mutex
	keys  []crypto.PublicKey
	read  time.Time // when keys were fetched
	tried time.Time // when that was last tried
}

// get returns keys that were fetched at most age ago, or, while the issuer does not
// answer, the last there were. made says when they were fetched.
func (i *issuer) get(ctx context.Context, v *Verifier, age time.Duration) (keys []crypto.PublicKey, made time.Time, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := v.c.Now()
	if len(i.keys) > 0 && now.Sub(i.read) < age && !now.Before(i.read) {
		return i.keys, i.read, nil
	}
	if now.Sub(i.tried) >= keysPause || now.Before(i.tried) {
		// Not for as long as the caller likes: anybody can write a token that makes us ask, and
		// one who hangs up at once would leave everybody without keys until the next try.
		keys, err = fetch(context.WithoutCancel(ctx), v.c.Outbound, i.url)
		if i.tried = now; err == nil {
			i.keys, i.read = keys, now
		} else {
			v.c.Log.WarnContext(ctx, "OpenID Connect issuer does not answer", "issuer", i.url, "error", err)
		}
	}
	if len(i.keys) == 0 {
		return nil, time.Time{}, refuse(Unavailable, "the keys of %s cannot be read now", i.url)
	}
	return i.keys, i.read, nil
}

// fetch reads an issuer's configuration (OpenID Connect Discovery 1.0 §4), and the keys
// that it names.
func fetch(ctx context.Context, policy outbound.Policy, issuer string) ([]crypto.PublicKey, error) {
	policy.MaxBytes = maxIssuerBytes
	raw, err := outbound.Get(ctx, policy, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	var configuration struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(raw, &configuration); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if configuration.Issuer != issuer {
		return nil, fmt.Errorf("configuration of %q, not of %q", configuration.Issuer, issuer)
	}
	if raw, err = outbound.Get(ctx, policy, configuration.Keys); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return parseKeys(raw)
}

// parseKeys reads a JSON Web Key Set (RFC 7517 §5) and leaves out what is not for
// signatures or too weak.
func parseKeys(raw []byte) ([]crypto.PublicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	var keys []crypto.PublicKey
	for _, one := range set.Keys {
		var key jose.JSONWebKey
		if err := json.Unmarshal(one, &key); err != nil || key.Use != "" && key.Use != "sig" || !key.Valid() {
			continue // a kind of key that we do not know is no reason to refuse the others
		}
		switch public := key.Key.(type) {
		case *rsa.PublicKey:
			if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
				continue
			}
		case *ecdsa.PublicKey, ed25519.PublicKey:
		default: // private, symmetric or opaque
			continue
		}
		if keys = append(keys, key.Key); len(keys) > maxKeys {
			return nil, fmt.Errorf("keys: more than %d", maxKeys)
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("keys: none that sign")
	}
	return keys, nil
}
