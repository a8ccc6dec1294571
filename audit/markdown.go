package audit

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plainText makes one line of text from outside: white space collapses, and what does
// not print (controls, changes of writing direction, bad UTF-8) becomes U+FFFD.
func plainText(v any) string {
	line := strings.Join(strings.Fields(fmt.Sprint(v)), " ")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, line)
}

// markdownSpecial escapes what means something to CommonMark or to GitHub's dialect in
// the middle of a line. Addresses are broken up too, or the dialect would turn
// somebody's note into a link. A backslash may stand before any ASCII punctuation
// and is not shown.
var markdownSpecial = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", `*`, `\*`, `_`, `\_`, `[`, `\[`, `]`, `\]`, `<`, `\<`, `>`, `\>`,
	`|`, `\|`, `~`, `\~`, `&`, `\&`, `#`, `\#`, `!`, `\!`, `$`, `\$`, `@`, `\@`, `://`, `\://`, `www.`, `www\.`,
)

// markdownBlock is what would open a list, a rule or a heading at the start of a line.
var markdownBlock = regexp.MustCompile(`^(\d*)([-+=.)])`)

// markdownText renders text from outside so that a Markdown reader shows just it, in
// one line, in a table as well.
func markdownText(v any) string {
	return markdownBlock.ReplaceAllString(markdownSpecial.Replace(plainText(v)), `$1\$2`)
}

// linkSpecial holds what could end an autolink or a table's cell, or be taken for
// markup before either: percent-encoded, it leads to the same place.
var linkSpecial = strings.NewReplacer("<", "%3C", ">", "%3E", "|", "%7C", "`", "%60", `\`, "%5C", `"`, "%22")

// markdownLink renders an https URL as a link, and anything else as text.
func markdownLink(url string) string {
	if !isLink(url) {
		return markdownText(url)
	}
	return "<" + linkSpecial.Replace(url) + ">"
}

// isLink reports whether a URL from outside is one that an assessment takes.
func isLink(url string) bool {
	var p problems
	p.evidenceURL("uri", url)
	return len(p) == 0
}
