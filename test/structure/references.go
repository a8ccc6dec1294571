package structure

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"regexp"
	"sort"
	"strings"
)

// ReferencesFile lists the documents that code and documents cite.
const ReferencesFile = "docs/references.md"

var (
	// citation is anything that reads like a citation, in whatever form.
	citation = regexp.MustCompile(`(?i)\brfcs?[\s_-]*[0-9]+\b`)
	// goodCitation is the one form.
	goodCitation = regexp.MustCompile(`^RFC\s[0-9]+$`)
	// goodSection is the one form of what follows, when a section is named.
	goodSection = regexp.MustCompile(`^\s(§[0-9A-Z]+(\.[0-9A-Za-z]+)*|[Aa]ppendix [A-Z]\b)`)
	// badSection reads like a section, in another form.
	badSection = regexp.MustCompile(`(?i)^[,;:]?\s*(§|(sections?|sect?\.|sec|s\.|appendix|appendices|clause|para\.)\s*([0-9]|[A-Z]\b)|[0-9]+\.[0-9])`)
	webAddress = regexp.MustCompile(`https?://[^\s)>"]+`)
	// listed is a row of the list: | RFC 5280 | title | where used |
	listed = regexp.MustCompile(`(?m)^\|\s*\[?RFC ([0-9]+)\]?[^|]*\|([^|]*)\|([^|]*)\|\s*$`)
)

// Reference is one row of ReferencesFile.
type Reference struct {
	Number string
	Title  string
	Used   []string // top folders or files, in order
}

// References reads the list.
func References(tree fs.FS) ([]Reference, error) {
	raw, err := fs.ReadFile(tree, ReferencesFile)
	if err != nil {
		return nil, fmt.Errorf("read the list of documents: %w", err)
	}
	var list []Reference
	for _, m := range listed.FindAllStringSubmatch(string(raw), -1) {
		list = append(list, Reference{m[1], strings.TrimSpace(m[2]), strings.Fields(strings.ReplaceAll(m[3], ",", " "))})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("%s: %w", ReferencesFile, errNothing)
	}
	return list, nil
}

// cited is where a document is cited: its number to the top folders, each once.
type cited map[string]map[string]bool

// CheckReferences finds citations of another form than `RFC 5280 §4.2.1.6` in Go
// comments and Markdown (an appendix is `RFC 3161 appendix A`), citations of documents that are not listed, and rows of the
// list that are wrong about where a document is used.
func CheckReferences(tree fs.FS) ([]Problem, error) {
	list, err := References(tree)
	if err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(list))
	for _, r := range list {
		known[r.Number] = true
	}
	problems, uses, err := scanCitations(tree, known)
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		want := uses.folders(r.Number)
		if len(want) == 0 {
			problems = append(problems, Problem{ReferencesFile, "RFC " + r.Number + " is listed but cited nowhere", "remove the row"})
		} else if strings.Join(want, " ") != strings.Join(r.Used, " ") {
			problems = append(problems, Problem{ReferencesFile,
				fmt.Sprintf("RFC %s is used in %q, the list says %q", r.Number, want, r.Used), "make golden rewrites the column"})
		}
		if r.Title == "" {
			problems = append(problems, Problem{ReferencesFile, "RFC " + r.Number + " has no title", ""})
		}
	}
	return problems, nil
}

// UpdateReferences returns the list with the column of uses made true.
func UpdateReferences(tree fs.FS) (string, error) {
	raw, err := fs.ReadFile(tree, ReferencesFile)
	if err != nil {
		return "", err
	}
	_, uses, err := scanCitations(tree, nil)
	if err != nil {
		return "", err
	}
	return listed.ReplaceAllStringFunc(string(raw), func(row string) string {
		m := listed.FindStringSubmatch(row)
		columns := strings.Split(row, "|")
		columns[3] = " " + strings.Join(uses.folders(m[1]), ", ") + " "
		return strings.Join(columns, "|")
	}), nil
}

func (c cited) folders(number string) []string {
	var list []string
	for folder := range c[number] {
		list = append(list, folder)
	}
	sort.Strings(list)
	return list
}

func scanCitations(tree fs.FS, known map[string]bool) ([]Problem, cited, error) {
	names, err := files(tree, false, ".go", ".md", ".asn1")
	if err != nil {
		return nil, nil, err
	}
	var problems []Problem
	uses := make(cited)
	for _, name := range names {
		if name == ReferencesFile || strings.HasPrefix(name, "test/structure/") {
			continue // the list itself, and the examples of bad citations in this package
		}
		raw, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, nil, err
		}
		text := string(raw)
		if strings.HasSuffix(name, ".go") {
			if text, err = commentsOnly(name, text); err != nil {
				return nil, nil, err
			}
		}
		// The top folder, or the file itself: finer, and the list would change with each move.
		folder, _, _ := strings.Cut(name, "/")
		for _, c := range citations(text) {
			if c.what != "" {
				problems = append(problems, Problem{at(name, text, c.offset), c.what, c.hint})
				continue
			}
			if known != nil && !known[c.number] {
				problems = append(problems, Problem{at(name, text, c.offset), "RFC " + c.number + " is not listed", "add a row to " + ReferencesFile})
			}
			if uses[c.number] == nil {
				uses[c.number] = make(map[string]bool)
			}
			uses[c.number][folder] = true
		}
	}
	return problems, uses, nil
}

// commentsOnly blanks all of a Go file but the text of its comments.
func commentsOnly(name, text string) (string, error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, text, parser.ParseComments)
	if err != nil {
		return "", fmt.Errorf("parse %s: %w", name, err)
	}
	blank := []byte(text)
	for i := range blank {
		if blank[i] != '\n' {
			blank[i] = ' '
		}
	}
	for _, group := range parsed.Comments {
		for _, c := range group.List {
			keepComment(blank, text, set, c)
		}
	}
	return string(blank), nil
}

func keepComment(blank []byte, text string, set *token.FileSet, c *ast.Comment) {
	from, to := set.Position(c.Pos()).Offset, set.Position(c.End()).Offset
	copy(blank[from:to], text[from:to])
	blank[from], blank[from+1] = ' ', ' ' // the marker, so that a citation may cross a line end
}

// mention is one citation: good if what is empty.
type mention struct {
	offset     int
	number     string
	what, hint string
}

func citations(text string) []mention {
	// An address or a span of code is not a citation.
	text = webAddress.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat(" ", len(s)) })
	text = inlineCode.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat(" ", len(s)) })
	const hint = "write it as RFC 5280 or RFC 5280 §4.2.1.6"
	var found []mention
	for _, m := range citation.FindAllStringIndex(text, -1) {
		if m[0] > 0 && strings.ContainsAny(text[m[0]-1:m[0]], "./_-") {
			continue // part of a name
		}
		got, rest := oneBlank(text[m[0]:m[1]]), oneBlank(text[m[1]:min(len(text), m[1]+80)])
		switch {
		case !goodCitation.MatchString(got):
			found = append(found, mention{offset: m[0], what: fmt.Sprintf("%q is not how a document is cited", got), hint: hint})
		case badSection.MatchString(rest) && !goodSection.MatchString(rest):
			found = append(found, mention{offset: m[0], what: got + " is followed by a section in another form", hint: hint})
		default:
			found = append(found, mention{offset: m[0], number: strings.TrimPrefix(got, "RFC ")})
		}
	}
	return found
}

var blanks = regexp.MustCompile(`\s+`)

func oneBlank(s string) string { return blanks.ReplaceAllString(s, " ") }
