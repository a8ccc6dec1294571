package recipe

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// Parse reads a document and fills in the limits that it leaves out. Every error is an
// *Error.
func Parse(document []byte) (Recipe, error) {
	if len(document) > MaxDocument {
		return Recipe{}, refuse(TooLarge, "", "%d bytes, at most %d", len(document), MaxDocument)
	}
	if !utf8.Valid(document) || bytes.HasPrefix(document, []byte("\xef\xbb\xbf")) {
		return Recipe{}, refuse(Malformed, "", "not plain UTF-8")
	}
	if err := checkShape(document); err != nil {
		return Recipe{}, err
	}
	r := Recipe{Limits: Limits{Time: defaultTime, Memory: defaultMemory, Disk: defaultDisk, Processes: defaultProcesses}}
	dec := yaml.NewDecoder(bytes.NewReader(document))
	dec.KnownFields(true)
	if err := dec.Decode(&r); err != nil {
		return Recipe{}, refuse(Malformed, "", "%v", err)
	}
	if err := r.validate(); err != nil {
		return Recipe{}, err
	}
	return r, nil
}

// checkShape refuses what makes YAML dangerous or ambiguous, before anything is decoded.
func checkShape(document []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(document))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return refuse(Malformed, "", "empty")
		}
		return refuse(Malformed, "", "%v", err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return refuse(Malformed, "", "more than one document")
	}
	nodes := 0
	return checkNode(&doc, 0, &nodes)
}

func checkNode(n *yaml.Node, depth int, nodes *int) error {
	*nodes++
	switch {
	case *nodes > maxNodes:
		return refuse(TooLarge, "", "more than %d values", maxNodes)
	case depth > maxNesting:
		return refuse(TooLarge, "", "line %d: nested deeper than %d", n.Line, maxNesting)
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return refuse(Malformed, "", "line %d: anchors and aliases are not allowed", n.Line)
	case n.Style&yaml.TaggedStyle != 0 || n.Tag == "!!merge":
		return refuse(Malformed, "", "line %d: tags and merge keys are not allowed", n.Line)
	case n.Tag == "!!null":
		return refuse(Malformed, "", "line %d: a key without value", n.Line)
	}
	for _, child := range n.Content {
		if err := checkNode(child, depth+1, nodes); err != nil {
			return err
		}
	}
	return nil
}
