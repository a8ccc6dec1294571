package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
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
	// A decoder with KnownFields would do, but parse the document a second time: half
	// of what 'audit check' takes.
	if err := checkKeys(&doc, reflect.TypeOf(out)); err != nil {
		return err
	}
	return doc.Decode(out)
}

// checkKeys refuses keys for which a type has no field.
func checkKeys(n *yaml.Node, t reflect.Type) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	element := func(int) reflect.Type { return t }
	switch {
	case n.Kind == yaml.DocumentNode:
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		element = func(int) reflect.Type { return t.Elem() }
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Map:
		element = func(i int) reflect.Type {
			if i%2 == 0 {
				return t.Key()
			}
			return t.Elem()
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		return checkFields(n, t)
	default:
		return nil // a value, or one of the wrong kind, for the decoder to refuse
	}
	for i, child := range n.Content {
		if err := checkKeys(child, element(i)); err != nil {
			return err
		}
	}
	return nil
}

func checkFields(n *yaml.Node, t reflect.Type) error {
	fields := yamlFields(t)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		field, ok := fields[key.Value]
		if !ok {
			return fmt.Errorf("line %d: field %s not found", key.Line, clip(key.Value))
		}
		if err := checkKeys(n.Content[i+1], field); err != nil {
			return err
		}
	}
	return nil
}

// yamlFields are the types of a struct's fields by their keys, inlined structs
// included. Every field that is read has its key in a tag.
func yamlFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		switch tag := f.Tag.Get("yaml"); tag {
		case "", "-":
		case ",inline":
			maps.Copy(fields, yamlFields(f.Type))
		default:
			fields[tag] = f.Type
		}
	}
	return fields
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
