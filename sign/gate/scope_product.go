package gate

import (
	"slices"

	"github.com/hallmark-pki/hallmark/audit"
)

// scopeProduct: the product is one that the auditor looked at. No framework lists
// this; it is what "scope" means: an assessment says nothing about other products.
func scopeProduct() rule {
	return rule{
		id:      "scope.product",
		basic:   true,
		satisfy: "name a product that the assessment's scope lists, or have the auditor extend the scope",
		judge: func(e *exhibit) finding {
			if e.build.Product == "" || !slices.Contains(e.scope.Products, audit.Product{Name: e.build.Product}) {
				return e.fail("product " + quote(e.build.Product) + " is not in the audited scope")
			}
			return e.pass("product " + quote(e.build.Product) + " is in the audited scope")
		},
	}
}
