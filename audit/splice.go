package audit

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// splice writes a finding into the lines of the file and leaves every other line
// alone. It does for findings in block style, one field below the other, as NewDraft
// writes them; answered finds out when it does not.
func (s *sheet) splice(i int, f DraftFinding) ([]byte, error) {
	list, node, old := s.finding(i)
	edits := changes(node, old, f)
	if len(edits) == 0 || !inBlockStyle(list) {
		return s.raw, nil
	}
	lines := bytes.SplitAfter(s.raw, []byte("\n"))
	if last := len(lines) - 1; len(lines[last]) > 0 {
		lines[last] = append(bytes.Clone(lines[last]), '\n')
	} else {
		lines = lines[:last]
	}
	if node == nil {
		return s.spliceNew(lines, list, edits)
	}
	// From the last line to the first, so that line numbers above stay true; what is
	// new goes behind all of it, in its order.
	slices.Reverse(edits)
	slices.SortStableFunc(edits, func(a, b sheetField) int { return fieldLine(node, b.name) - fieldLine(node, a.name) })
	out, end := slices.Clone(lines), s.end(lines, list, i, node)
	for _, e := range edits {
		key, value := fieldNode(node, e.name)
		from, to, column, prefix := end, end, node.Content[0].Column, ""
		if key != nil {
			e.comment = cmp.Or(value.LineComment, key.LineComment)
			from, to, column = key.Line-1, s.fieldEnd(lines, list, i, node, key, value), key.Column
			prefix = string(lines[from][:column-1])
		}
		rendered, err := renderField(e, column-1, prefix)
		if err != nil {
			return nil, err
		}
		out = slices.Replace(out, from, to, rendered...)
	}
	return bytes.Join(out, nil), nil
}

// spliceNew puts a finding behind the last.
func (s *sheet) spliceNew(lines [][]byte, list *yaml.Node, edits []sheetField) ([]byte, error) {
	last := len(list.Content) - 1
	at := s.end(lines, list, last, list.Content[last])
	column := list.Content[last].Column
	insert := [][]byte{[]byte("\n")}
	for i, e := range edits {
		prefix := strings.Repeat(" ", column-1)
		if i == 0 {
			prefix = strings.Repeat(" ", column-3) + "- "
		}
		rendered, err := renderField(e, column-1, prefix)
		if err != nil {
			return nil, err
		}
		insert = append(insert, rendered...)
	}
	return bytes.Join(slices.Insert(lines, at, insert...), nil), nil
}

// inBlockStyle reports whether a list of findings has one field on a line, throughout.
func inBlockStyle(list *yaml.Node) bool {
	if list == nil || len(list.Content) == 0 || list.Style&yaml.FlowStyle != 0 {
		return false
	}
	return !slices.ContainsFunc(list.Content, func(n *yaml.Node) bool {
		return n.Kind != yaml.MappingNode || n.Style&yaml.FlowStyle != 0 || len(n.Content) == 0 || n.Column < 3
	})
}

// fieldLine is where a field begins; one that is not there yet comes after all.
func fieldLine(node *yaml.Node, name string) int {
	if key, _ := fieldNode(node, name); key != nil {
		return key.Line
	}
	return math.MaxInt
}

// end is the index of the line behind the i-th finding: comments and blank lines
// after it belong to the next.
func (s *sheet) end(lines [][]byte, list *yaml.Node, i int, node *yaml.Node) int {
	n := len(node.Content)
	return s.fieldEnd(lines, list, i, node, node.Content[n-2], node.Content[n-1])
}

// fieldEnd is the index of the line behind a field.
func (s *sheet) fieldEnd(lines [][]byte, list *yaml.Node, i int, node, key, value *yaml.Node) int {
	end := len(lines)
	for j := 0; j+1 < len(s.root.Content); j += 2 {
		if at := s.root.Content[j].Line; at > key.Line {
			end = min(end, at-1)
		}
	}
	if i+1 < len(list.Content) {
		end = min(end, list.Content[i+1].Line-1)
	}
	for j := 0; j+1 < len(node.Content); j += 2 {
		if at := node.Content[j].Line; at > key.Line {
			end = min(end, at-1)
		}
	}
	inBlock := value.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
	for end > key.Line && !saysSomething(lines[end-1], inBlock, key.Column) {
		end--
	}
	return end
}

// saysSomething reports whether a line is part of a value, not a comment or blank
// line behind it. In a block scalar what looks like an indented comment is text.
func saysSomething(line []byte, inBlock bool, column int) bool {
	text := bytes.TrimLeft(line, " ")
	indent := len(line) - len(text)
	text = bytes.TrimSpace(text)
	return len(text) > 0 && (text[0] != '#' || inBlock && indent >= column)
}

// renderField writes "name: value" as lines, the first after prefix, the others
// indented. Comments behind the value are left out: they are in the file already.
func renderField(e sheetField, indent int, prefix string) ([][]byte, error) {
	key := textNode(e.name)
	if e.value.Kind == yaml.ScalarNode || e.value.Style&yaml.FlowStyle != 0 {
		e.value.LineComment = e.comment
	} else {
		key.LineComment = e.comment
	}
	raw, err := encodeNode(&yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{key, e.value}})
	if err != nil {
		return nil, err
	}
	lines := bytes.SplitAfter(bytes.TrimSuffix(raw, []byte("\n")), []byte("\n"))
	for len(lines) > 1 && !saysSomething(lines[len(lines)-1], false, 0) {
		lines = lines[:len(lines)-1]
	}
	out := make([][]byte, len(lines))
	for i, line := range lines {
		lead := strings.Repeat(" ", indent)
		if i == 0 && prefix != "" {
			lead = prefix
		}
		out[i] = append([]byte(lead), append(bytes.TrimRight(line, "\n"), '\n')...)
	}
	return out, nil
}
