package recipe

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Size is a number of bytes, written as an integer with the unit MiB or GiB.
type Size int64

// units are the two that anybody needs here; KB against KiB is a mistake to be had.
func units() map[string]int64 { return map[string]int64{"MiB": 1 << 20, "GiB": 1 << 30} }

// UnmarshalYAML reads "512MiB".
func (s *Size) UnmarshalYAML(n *yaml.Node) error {
	for unit, factor := range units() {
		digits, ok := strings.CutSuffix(n.Value, unit)
		if !ok {
			continue
		}
		v, err := strconv.ParseUint(digits, 10, 31)
		if err != nil || v == 0 || int64(v) > math.MaxInt64/factor {
			break
		}
		*s = Size(int64(v) * factor)
		return nil
	}
	return fmt.Errorf("line %d: %.32q is no size such as 512MiB or 4GiB", n.Line, n.Value)
}

// String writes what UnmarshalYAML reads.
func (s Size) String() string {
	if s%(1<<30) == 0 {
		return strconv.FormatInt(int64(s>>30), 10) + "GiB"
	}
	return strconv.FormatInt(int64(s>>20), 10) + "MiB"
}
