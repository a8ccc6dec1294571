package probe

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"

	"github.com/hallmark-pki/hallmark/outbound"
)

// documentDigest watches that a published document is the one the auditor read.
func documentDigest() Kind {
	return Kind{
		Name:    "document-digest",
		Summary: "a document at an address still has the digest that the auditor saw",
		Parameters: []Parameter{
			urlParameter("where the document is"),
			{Name: "sha256", Summary: "its SHA-256 digest (64 hex digits in lower case)", Required: true, check: checkSHA256},
		},
		run: runDocumentDigest,
	}
}

func runDocumentDigest(ctx context.Context, r *Runner, with map[string]string, _ string) Result {
	digest, size, err := fetchDigest(ctx, r.policy(maxDocument, documentTimeout), with["url"])
	switch {
	case err != nil:
		return notFetched(err)
	case digest != with["sha256"]:
		return failed("the document has SHA-256 %s, not %s", digest, with["sha256"])
	}
	return passed("%d bytes with SHA-256 %s", size, digest)
}

// fetchDigest digests a document of any size in little memory.
func fetchDigest(ctx context.Context, p outbound.Policy, address string) (digest string, size int64, err error) {
	if err := outbound.CheckURL(address); err != nil {
		return "", 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", 0, outbound.ErrURL
	}
	response, err := outbound.Client(p).Do(request)
	if err != nil {
		return "", 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", 0, &outbound.StatusError{Code: response.StatusCode}
	}
	h := sha256.New()
	if size, err = io.Copy(h, response.Body); err != nil {
		return "", 0, fmt.Errorf("read the document: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), size, nil
}
