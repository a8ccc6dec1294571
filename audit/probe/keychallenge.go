package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/outbound"
)

// ChallengeType is the media type of a challenge and the payload type of its answer.
const ChallengeType = "application/vnd.hallmark.key-challenge+json"

// challenge is what is signed: who is asked, and something new.
type challenge struct {
	URL   string `json:"url"`
	Nonce string `json:"nonce"`
}

// keyChallenge watches that a builder still holds the key that the scope names.
func keyChallenge() Kind {
	return Kind{
		Name:    "key-challenge",
		Summary: "a builder's key still answers: the address signs a random challenge with it",
		Parameters: []Parameter{
			urlParameter("where challenges are answered"),
			keyParameter("the builder's key"),
		},
		run: runKeyChallenge,
	}
}

func runKeyChallenge(ctx context.Context, r *Runner, with map[string]string, _ string) Result {
	key, err := attest.ParsePublicKey(with["key"])
	if err != nil {
		return unknown("%v", err)
	}
	sent, err := r.newChallenge(with["url"])
	if err != nil {
		return unknown("make a challenge: %v", err)
	}
	raw, err := outbound.Post(ctx, r.policy(maxAnswer, timeout), with["url"], ChallengeType, sent)
	if err != nil {
		return notFetched(err)
	}
	answer, err := attest.OpenPayload(bytes.TrimSpace(raw), ChallengeType, key)
	switch {
	case err != nil:
		return failed("the answer to the challenge: %v", err)
	case !bytes.Equal(answer.Payload, sent):
		return failed("the key has signed something else than the challenge that was sent")
	}
	return passed("key %s answered", answer.Signers[0])
}

func (r *Runner) newChallenge(url string) ([]byte, error) {
	source := r.Rand
	if source == nil {
		source = rand.Reader
	}
	var nonce [nonceBytes]byte
	if _, err := io.ReadFull(source, nonce[:]); err != nil {
		return nil, fmt.Errorf("read random bytes: %w", err)
	}
	var raw bytes.Buffer
	e := json.NewEncoder(&raw)
	e.SetEscapeHTML(false) // an & in the URL stays one: whoever answers compares it
	if err := e.Encode(challenge{URL: url, Nonce: base64.RawURLEncoding.EncodeToString(nonce[:])}); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(raw.Bytes(), []byte("\n")), nil
}
