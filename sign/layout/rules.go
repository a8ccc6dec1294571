package layout

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/in-toto/in-toto-golang/in_toto"

	"github.com/hallmark-pki/hallmark/attest"
)

// The library reads rules and patterns, but does not apply them here: its MATCH also
// consumes what lies beside the prefix that the rule names.

// obey holds the rules of a step against its link, and those of the steps that it names,
// in-toto specification 1.0 §4.3.3.
func obey(s attest.LayoutStep, made map[string]*attest.StepLink) error {
	l := made[s.Name]
	materials, products := names(l.Materials), names(l.Products)
	modified := in_toto.NewSet()
	for name := range materials.Intersection(products) {
		if !maps.Equal(l.Materials[name], l.Products[name]) {
			modified.Add(name)
		}
	}
	changed := map[string]in_toto.Set{"create": products.Difference(materials), "delete": materials.Difference(products), "modify": modified}
	if err := consume(s.Materials, l.Materials, changed, made); err != nil {
		return fmt.Errorf("materials: %w", err)
	}
	if err := consume(s.Products, l.Products, changed, made); err != nil {
		return fmt.Errorf("products: %w", err)
	}
	return nil
}

func names(artifacts map[string]map[string]string) in_toto.Set {
	return in_toto.NewSet(slices.Collect(maps.Keys(artifacts))...)
}

// consume applies rules in their order to a queue of artifacts.
func consume(rules [][]string, artifacts map[string]map[string]string, changed map[string]in_toto.Set, made map[string]*attest.StepLink) error {
	queue := names(artifacts)
	for _, words := range rules {
		rule, err := in_toto.UnpackRule(words)
		if err != nil {
			return err
		}
		consumed := in_toto.NewSet()
		switch kind, pattern := rule["type"], rule["pattern"]; kind {
		case "match":
			consumed = match(rule, queue, artifacts, made)
		case "allow":
			consumed = queue.Filter(path.Clean(pattern))
		case "create", "delete", "modify":
			consumed = queue.Filter(path.Clean(pattern)).Intersection(changed[kind])
		case "disallow":
			if found := queue.Filter(path.Clean(pattern)).Slice(); len(found) > 0 {
				return fmt.Errorf("%s is disallowed by %v", slices.Min(found), words)
			}
		case "require":
			if !queue.Has(pattern) {
				return fmt.Errorf("%s is required and not there, or consumed by a rule before", pattern)
			}
		}
		queue = queue.Difference(consumed)
	}
	return nil
}

// match returns what of a queue is under the rule's prefix, and the same, by the rest of
// its path and its digests, under the other prefix in the other step.
func match(rule map[string]string, queue in_toto.Set, artifacts map[string]map[string]string, made map[string]*attest.StepLink) in_toto.Set {
	consumed := in_toto.NewSet()
	other := made[rule["dstName"]]
	if other == nil {
		return consumed
	}
	there := other.Products
	if rule["dstType"] == "materials" {
		there = other.Materials
	}
	from, to := prefix(rule["srcPrefix"]), prefix(rule["dstPrefix"])
	rest := in_toto.NewSet()
	for name := range queue {
		if r, ok := strings.CutPrefix(name, from); ok {
			rest.Add(r)
		}
	}
	for r := range rest.Filter(path.Clean(rule["pattern"])) {
		if digest, ok := there[to+r]; ok && maps.Equal(artifacts[from+r], digest) {
			consumed.Add(from + r)
		}
	}
	return consumed
}

// prefix is a folder as paths begin that lie in it.
func prefix(folder string) string {
	if folder = path.Clean(folder); folder == "." {
		return ""
	}
	return strings.TrimSuffix(folder, "/") + "/"
}
