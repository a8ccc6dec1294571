package confirm

import (
	"context"
	"slices"
	"strings"

	"github.com/hallmark-pki/hallmark/sign"
	"github.com/hallmark-pki/hallmark/sign/gate"
	"github.com/hallmark-pki/hallmark/store"
)

// Gate is the Judge that asks the signing service's gate.
type Gate struct{ *sign.Service }

// Judge implements Judge.
func (g Gate) Judge(ctx context.Context, signature store.Signature) (Judgement, error) {
	rejudged, summary, err := g.Rejudge(ctx, signature)
	if err != nil {
		return Judgement{}, err
	}
	if rejudged.Refusal != nil {
		return Judgement{Detail: rejudged.Refusal.Detail}, nil
	}
	if rejudged.Granted() {
		return Judgement{Granted: true, Summary: summary, Evidence: rejudged.Decision.Evidence()}, nil
	}
	against := rejudged.Decision.Contradicted()
	j := Judgement{Contradicted: len(against) > 0}
	var texts []string
	for _, v := range rejudged.Decision.Verdicts {
		contradicts := slices.ContainsFunc(against, func(c gate.Verdict) bool { return c.Rule == v.Rule && c.Assessment == v.Assessment })
		if v.Outcome != gate.Fail || j.Contradicted && !contradicts {
			continue
		}
		j.Verdicts = append(j.Verdicts, store.IncidentVerdict{Rule: v.Rule, Assessment: v.Assessment, Outcome: string(v.Outcome), Detail: v.Detail, Evidence: v.Evidence})
		for _, e := range append([]string{v.Evidence}, v.Further...) {
			if e != "" && !slices.Contains(j.Evidence, e) {
				j.Evidence = append(j.Evidence, e)
			}
		}
		texts = append(texts, v.Rule+": "+v.Detail)
	}
	j.Detail = strings.Join(texts, "; ")
	return j, nil
}
