package gate

import (
	"fmt"

	"github.com/hallmark-pki/hallmark/recent"
)

// Compiler compiles rules that stand in products' signing policies and remembers them by
// their text: the same few are asked for every signature. The zero value is ready; it is
// safe for concurrent use.
type Compiler struct {
	known recent.Values[RuleText, CustomRule]
}

// Check says what is wrong with an expression; nil when it can be evaluated.
func (c *Compiler) Check(expression string) error {
	_, err := c.Compile(RuleText{Name: "rule", CEL: expression})
	return err
}

// Compile is NewRule with a memory.
func (c *Compiler) Compile(t RuleText) (CustomRule, error) {
	if r, ok := c.known.Get(t); ok {
		return r, nil
	}
	r, err := NewRule(t)
	if err != nil {
		return CustomRule{}, fmt.Errorf("compile: %w", err)
	}
	c.known.Put(t, r)
	return r, nil
}
