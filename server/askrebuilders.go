package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/hallmark-pki/hallmark/audit"
	"github.com/hallmark-pki/hallmark/rebuild"
	"github.com/hallmark-pki/hallmark/sign"
)

// askRebuilders has a build repeated that was refused for want of rebuilds alone, and
// says so in the refusal. Where nobody can be asked, the refusal stays as it is: it says
// what is missing.
func (s *Server) askRebuilders(ctx context.Context, r sign.Request, err error) error {
	var refusal *sign.Refusal
	if !errors.As(err, &refusal) || refusal.Decision == nil || !refusal.Decision.AwaitsRebuilds() {
		return err
	}
	jobs, failed := s.Rebuilds.Ask(ctx, rebuild.Request{Vendor: r.Vendor, Product: r.Product, SHA256: refusal.Decision.Digest, By: r.By})
	if failed != nil {
		if _, no := rebuild.IsRefusal(failed); !no {
			s.Log.ErrorContext(ctx, "ask rebuilders", "error", failed)
		}
		return err
	}
	open, operators := 0, map[string]bool{}
	for _, j := range jobs {
		if !j.IsOver() {
			open++
			operators[audit.FoldOrganization(j.Operator)] = true
		}
	}
	if open == 0 {
		return err
	}
	asked := *refusal
	asked.Hint = fmt.Sprintf("%d rebuilder(s) of %d operator(s) are asked: sign again when they have answered ('hallmark rebuild jobs FILE' shows how far they are)", open, len(operators))
	return &asked
}
