package probe

import (
	"context"
	"time"

	"github.com/hallmark-pki/hallmark/attest"
	"github.com/hallmark-pki/hallmark/outbound"
)

// inTotoLayout watches that a vendor's supply chain layout is still signed and in time.
func inTotoLayout() Kind {
	return Kind{
		Name:    "in-toto-layout",
		Summary: "an in-toto layout is still signed by the project's key and has not expired",
		Parameters: []Parameter{
			urlParameter("where the layout is"),
			keyParameter("the key that signs it"),
		},
		run: runInTotoLayout,
	}
}

func runInTotoLayout(ctx context.Context, r *Runner, with map[string]string, _ string) Result {
	key, err := attest.ParsePublicKey(with["key"])
	if err != nil {
		return unknown("%v", err)
	}
	raw, err := outbound.Get(ctx, r.policy(maxEnvelope, timeout), with["url"])
	if err != nil {
		return notFetched(err)
	}
	l, err := openLayout(raw, key)
	switch {
	case err != nil:
		return failed("%v", err)
	case l.steps == 0:
		return failed("the layout has no steps: it demands nothing")
	case !r.now().Before(l.expires):
		return failed("the layout expired at %s", l.expires.Format(time.RFC3339))
	}
	return passed("%d steps, signed by key %s, in force until %s", l.steps, l.signer, l.expires.Format(time.RFC3339))
}
