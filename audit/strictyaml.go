package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// decodeYAML reads exactly one document into out. On top of refusing unknown and
// repeated keys it refuses what makes YAML dangerous or ambiguous and what none of
// our documents needs: anchors and aliases (exponential growth), merge keys,
// explicit tags, deep nesting, other encodings than UTF-8.
func decodeYAML(raw []byte, most int, out any) error {
	if len(raw) > most {
		return fmt.Errorf("document of %d bytes, at most %d", len(raw), most)
	}
	if !utf8.Valid(raw) || bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")) {
		return errors.New("document is not plain UTF-8")
	}
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("document is empty")
		}
		return err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return errors.New("more than one document")
	}
	nodes := 0
	if err := checkNode(&doc, 0, &nodes); err != nil {
		return err
	}
	strict := yaml.NewDecoder(bytes.NewReader(raw))
	strict.KnownFields(true)
	return strict.Decode(out)
}

func checkNode(n *yaml.Node, depth int, nodes *int) error {
	*nodes++
	switch {
	case *nodes > maxYAMLNodes:
		return fmt.Errorf("more than %d values", maxYAMLNodes)
	case depth > maxDepth:
		return fmt.Errorf("line %d: nested deeper than %d", n.Line, maxDepth)
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return fmt.Errorf("line %d: anchors and aliases are not allowed", n.Line)
	case n.Style&yaml.TaggedStyle != 0:
		return fmt.Errorf("line %d: explicit tag %s is not allowed", n.Line, n.Tag)
	case n.Tag == "!!merge":
		return fmt.Errorf("line %d: merge keys are not allowed", n.Line)
	}
	for _, child := range n.Content {
		if err := checkNode(child, depth+1, nodes); err != nil {
			return err
		}
	}
	return nil
}
