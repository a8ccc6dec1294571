package compat

import (
	"fmt"
	"strings"
)

const intro = `# Tools that know nothing of hallmark

What other people's tools make of our certificates, signatures, timestamps, revocation lists and
OCSP answers. Every line is a case that ` + "`go test ./test/compat`" + ` plays, with the tools of Debian 12
(OpenSSL 3.0, GnuTLS 3.7, GnuPG 2.2, OpenJDK 17, osslsigncode 2.5 and later, OpenSC 0.23); the
test writes this page and fails when a tool says something else than stands here. How to get the anchors:
[installer.md](installer.md).

*Root* is the CA's root, *twin* the self-signed form of one tier's CA, which trusts that tier alone. The
vendor's certificate says SLSA 3 and was issued by the tier *elevated* unless a line says otherwise.
`

// page renders the outcome, in the order of the groups.
func page(groups []group, got []*bool) string {
	var out, wrong strings.Builder
	out.WriteString(intro)
	i := 0
	for _, g := range groups {
		fmt.Fprintf(&out, "\n## %s: %s\n\n    %s\n", g.tool, g.use, strings.ReplaceAll(g.how, "\n", "\n    "))
		if g.about != "" {
			fmt.Fprintf(&out, "\n%s\n", g.about)
		}
		out.WriteString("\n| case | verdict | it says |\n|---|---|---|\n")
		for _, k := range g.cases {
			verdict := "refuses"
			if *got[i] {
				verdict = "accepts"
			}
			i++
			name := k.name
			if k.note != "" {
				name += " (" + k.note + ")"
			}
			if k.older != "" {
				fmt.Fprintf(&wrong, "- %s, %s: %s.\n", g.tool, k.name, k.older)
			}
			if k.wrong != "" {
				verdict = "**" + verdict + "**"
				fmt.Fprintf(&wrong, "- %s, %s: %s.\n", g.tool, k.name, k.wrong)
			}
			says := ""
			if k.says != "" {
				says = "`" + k.says + "`"
			}
			fmt.Fprintf(&out, "| %s | %s | %s |\n", name, verdict, says)
		}
	}
	fmt.Fprintf(&out, "\n## Where a verdict is not ours\n\nThe verdicts in bold: the tool judges otherwise than `hallmark-verify` does, and why.\n\n%s", wrong.String())
	return out.String()
}
