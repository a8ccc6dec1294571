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
	return judgementOf(rejudged, summary), nil
}

// judgementOf is what the gate's answer means for a signature. One that could not be made
// today is not granted; what contradicts its build counts all the same.
func judgementOf(rejudged sign.Rejudged, summary []byte) Judgement {
	if rejudged.Granted() {
		return Judgement{Granted: true, Summary: summary, Evidence: rejudged.Decision.Evidence()}
	}
	against := rejudged.Decision.Contradicted()
	if rejudged.Refusal != nil && len(against) == 0 {
		return Judgement{Detail: rejudged.Refusal.Detail}
	}
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
	return j
}
