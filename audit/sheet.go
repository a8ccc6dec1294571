package audit

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// sheet is a draft as the file that people edit: answers are written into it, and
// the rest of it, comments and blank lines included, stays as it was. The node tree
// says where things are and renders what is new; the text around is kept as bytes,
// because encoding a whole tree again drops blank lines and folds text differently.
type sheet struct {
	raw   []byte
	draft Draft
	doc   yaml.Node
	root  *yaml.Node // the mapping of the document
}

func parseSheet(raw []byte) (*sheet, error) {
	d, err := ParseDraft(raw)
	if err != nil {
		return nil, err
	}
	s := &sheet{raw: raw, draft: d}
	if err := yaml.Unmarshal(raw, &s.doc); err != nil {
		return nil, fmt.Errorf("parse draft: %w", err)
	}
	s.root = s.doc.Content[0]
	return s, nil
}

// answered returns the file with a finding in place of the one for its requirement,
// or after the last. A field that says the same already is not touched.
func (s *sheet) answered(f DraftFinding) ([]byte, error) {
	i := slices.IndexFunc(s.draft.Findings, func(have DraftFinding) bool { return have.Requirement == f.Requirement })
	want := s.draft
	want.Findings = slices.Clone(want.Findings)
	if i < 0 {
		want.Findings = append(want.Findings, f)
	} else {
		want.Findings[i] = f
	}
	for _, edit := range []func(int, DraftFinding) ([]byte, error){s.splice, s.encode} {
		out, err := edit(i, f)
		if err != nil {
			return nil, fmt.Errorf("write answer for %s: %w", f.Requirement, err)
		}
		// Whatever the file looked like: what is written says what was meant, no more.
		if got, err := ParseDraft(out); err == nil && sameDraft(got, want) {
			return out, nil
		}
	}
	return nil, fmt.Errorf("write answer for %s: the draft is laid out in a way that cannot be edited by program", f.Requirement)
}

// sameDraft compares what drafts say; an empty list is an absent one.
func sameDraft(a, b Draft) bool {
	for _, d := range []*Draft{&a, &b} {
		d.Findings = slices.Clone(d.Findings)
		for i := range d.Findings {
			if len(d.Findings[i].Evidence) == 0 {
				d.Findings[i].Evidence = nil
			}
		}
	}
	return reflect.DeepEqual(a, b)
}

// sheetField is a field of a finding and the node for its value.
type sheetField struct {
	name    string
	value   *yaml.Node
	comment string // behind it, on its line
}

// changes lists the fields of a finding that differ from what stands there. have is
// the node of the finding, nil when there is none.
func changes(have *yaml.Node, old, f DraftFinding) []sheetField {
	var out []sheetField
	if have == nil {
		out = append(out, sheetField{name: "requirement", value: textNode(f.Requirement)})
	}
	if old.Status != f.Status {
		out = append(out, sheetField{name: "status", value: textNode(string(f.Status))})
	}
	if !slices.Equal(old.Evidence, f.Evidence) {
		out = append(out, sheetField{name: "evidence", value: evidenceNode(have, old, f)})
	}
	if old.Justification != f.Justification {
		out = append(out, sheetField{name: "justification", value: textNode(f.Justification)})
	}
	if old.Note != f.Note {
		out = append(out, sheetField{name: "note", value: textNode(f.Note)})
	}
	return out
}

// textNode is a string; the encoder quotes it where it would be read as another type.
func textNode(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	if s == "" || strings.ContainsRune(s, '\n') {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// evidenceNode adds to the list that stands there when nothing of it goes away, so
// that its comments stay.
func evidenceNode(have *yaml.Node, old, f DraftFinding) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	from := 0
	if n := len(old.Evidence); n > 0 && n <= len(f.Evidence) && slices.Equal(old.Evidence, f.Evidence[:n]) {
		_, value := fieldNode(have, "evidence")
		list.Content, from = slices.Clone(value.Content), n
	}
	for _, e := range f.Evidence[from:] {
		list.Content = append(list.Content, e.node())
	}
	if len(list.Content) == 0 {
		list.Style = yaml.FlowStyle
	}
	return list
}

// node is the entry as YAML, without the keys that it leaves empty.
func (e DraftEvidence) node() *yaml.Node {
	item := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, field := range []struct{ name, value string }{{"ref", e.Ref}, {"file", e.File}, {"uri", e.URI}, {"sha256", e.SHA256}, {"name", e.Name}, {"media_type", e.MediaType}} {
		if field.value != "" {
			item.Content = append(item.Content, textNode(field.name), textNode(field.value))
		}
	}
	return item
}

// fieldNode finds a key of a mapping and its value.
func fieldNode(mapping *yaml.Node, name string) (key, value *yaml.Node) {
	if mapping == nil {
		return nil, nil
	}
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}

// finding returns the list of findings, the node of the i-th and what it says. All
// are empty where there is none.
func (s *sheet) finding(i int) (list, node *yaml.Node, old DraftFinding) {
	_, list = fieldNode(s.root, "findings")
	if i < 0 || list == nil {
		return list, nil, DraftFinding{}
	}
	return list, list.Content[i], s.draft.Findings[i]
}

// encode changes the tree and writes all of it anew: for layouts that splice does not
// know, such as a finding on one line. Comments stay, blank lines and folding may not.
func (s *sheet) encode(i int, f DraftFinding) ([]byte, error) {
	list, node, old := s.finding(i)
	edits := changes(node, old, f)
	if list == nil {
		list = new(yaml.Node)
		s.root.Content = append(s.root.Content, textNode("findings"), list)
	}
	if list.Kind != yaml.SequenceNode {
		list.Kind, list.Tag, list.Value = yaml.SequenceNode, "!!seq", ""
	}
	if node == nil {
		node = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		list.Content = append(list.Content, node)
	}
	if key, _ := fieldNode(s.root, "findings"); key.LineComment == "" {
		key.LineComment, list.LineComment = list.LineComment, ""
	}
	for _, n := range []*yaml.Node{s.root, list, node} {
		n.Style &^= yaml.FlowStyle
	}
	for _, e := range edits {
		if _, value := fieldNode(node, e.name); value != nil {
			e.value.HeadComment, e.value.LineComment, e.value.FootComment = value.HeadComment, value.LineComment, value.FootComment
			*value = *e.value
			continue
		}
		node.Content = append(node.Content, textNode(e.name), e.value)
	}
	return encodeNode(&s.doc)
}

func encodeNode(n *yaml.Node) ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	enc.CompactSeqIndent()
	if err := errors.Join(enc.Encode(n), enc.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
