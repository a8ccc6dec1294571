package structure

import (
	"io/fs"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

var (
	// inlineLink is [text](target "title"), of images too; one level of brackets in the text.
	inlineLink = regexp.MustCompile(`\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)`)
	// definedLink is [label]: target at the start of a line.
	definedLink = regexp.MustCompile(`(?m)^ {0,3}\[[^\]]+\]:\s+<?(\S+?)>?\s*$`)
	// fence is a block of code, inlineCode a span of it.
	fence      = regexp.MustCompile("(?ms)^ {0,3}```.*?^ {0,3}```[^\n]*$")
	inlineCode = regexp.MustCompile("`[^`\n]*`")
	heading    = regexp.MustCompile(`(?m)^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$`)
	// namedAnchor is an anchor somebody wrote by hand.
	namedAnchor = regexp.MustCompile(`<a\s+(?:id|name)="([^"]+)"`)
	linkInText  = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// CheckLinks finds relative links in Markdown that lead to no file of the tree, or to
// no heading in it. Links to other hosts are not followed: tests run offline.
func CheckLinks(tree fs.FS) ([]Problem, error) {
	names, err := files(tree, false, ".md")
	if err != nil {
		return nil, err
	}
	var problems []Problem
	for _, name := range names {
		raw, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, err
		}
		text := withoutCode(string(raw))
		for _, re := range []*regexp.Regexp{inlineLink, definedLink} {
			for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
				if what := follow(tree, name, text[m[2]:m[3]]); what != "" {
					problems = append(problems, Problem{at(name, text, m[2]), what, ""})
				}
			}
		}
	}
	return problems, nil
}

// withoutCode blanks code, keeping each byte's place, so that examples are no links.
func withoutCode(text string) string {
	blank := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r == '\n' {
				return r
			}
			return ' '
		}, s)
	}
	return inlineCode.ReplaceAllStringFunc(fence.ReplaceAllStringFunc(text, blank), blank)
}

// follow returns what is wrong with a link, or "".
func follow(tree fs.FS, from, target string) string {
	u, err := url.Parse(target)
	if err != nil {
		return "link " + target + " is no URL"
	}
	if u.Scheme != "" || u.Host != "" {
		return ""
	}
	if path.IsAbs(u.Path) {
		return "link " + target + " is absolute; make it relative"
	}
	file := from
	if u.Path != "" {
		file = path.Join(path.Dir(from), u.Path)
	}
	if !fs.ValidPath(file) {
		return "link " + target + " leads out of the tree"
	}
	info, err := fs.Stat(tree, file)
	if err != nil {
		return "link " + target + " leads to no file"
	}
	if u.Fragment == "" || info.IsDir() || !strings.HasSuffix(file, ".md") {
		return ""
	}
	raw, err := fs.ReadFile(tree, file)
	if err != nil {
		return "link " + target + " cannot be read"
	}
	if !anchors(string(raw))[u.Fragment] {
		return "link " + target + " leads to no heading of " + file
	}
	return ""
}

// anchors lists the names by which the parts of a Markdown file can be linked, as
// GitHub makes them: lower case, blanks to hyphens, all but letters, digits, hyphens
// and underscores dropped, and a number for a heading that repeats.
func anchors(text string) map[string]bool {
	found := make(map[string]bool)
	seen := make(map[string]int)
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		slug := slugOf(m[1])
		n := seen[slug]
		seen[slug]++
		if n > 0 {
			slug += "-" + strconv.Itoa(n)
		}
		found[slug] = true
	}
	for _, m := range namedAnchor.FindAllStringSubmatch(text, -1) {
		found[m[1]] = true
	}
	return found
}

func slugOf(title string) string {
	title = linkInText.ReplaceAllString(title, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsNumber(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}
