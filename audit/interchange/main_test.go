package interchange

import "flag"

// update makes the golden files anew.
var update = flag.Bool("update", false, "rewrite golden files")
