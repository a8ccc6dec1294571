package stepca

import (
	"context"

	"github.com/smallstep/certificates/acme"
)

// The chain from an order to the key that may be certified for it is order,
// authorization, challenge, attested key. smallstep's store follows it by what the client
// writes into URLs, so each link is looked at here.

// notAttested: an authorization counts for the key that was attested, and for no other.
func notAttested() error {
	return acme.NewError(acme.ErrorUnauthorizedType, "the authorization names no attested key")
}

// onePerOrder refuses an order for more than one device, or for something else: which of
// several attested keys a certificate is for would be anybody's guess.
func onePerOrder(n int, one acme.Identifier) error {
	if n != 1 || one.Type != acme.PermanentIdentifier || len(one.Value) > maxIdentifierBytes {
		return acme.NewDetailedError(acme.ErrorRejectedIdentifierType, "an order is for one permanent-identifier of at most %d bytes", maxIdentifierBytes)
	}
	return nil
}

// CreateChallenge makes the one that an order needs, for an account in which not too many
// wait. It comes first: smallstep makes the challenges and authorizations of all of an
// order's identifiers before it asks whether there may be such an order.
func (d *acmeDB) CreateChallenge(ctx context.Context, ch *acme.Challenge) error {
	d.challenges++
	if err := onePerOrder(d.challenges, acme.Identifier{Type: acme.PermanentIdentifier, Value: ch.Value}); err != nil {
		return err
	}
	// smallstep reads all that wait for each new one, one account at a time.
	waiting, err := d.DB.GetOrdersByAccountID(ctx, ch.AccountID)
	if err != nil {
		return err
	}
	if len(waiting) >= maxPendingOrders {
		return acme.NewDetailedError(acme.ErrorRateLimitedType, "%d orders of the account wait already: finish them, or wait until they expire", len(waiting))
	}
	return d.DB.CreateChallenge(ctx, ch)
}

// CreateAuthorization makes the one that an order needs, about a device.
func (d *acmeDB) CreateAuthorization(ctx context.Context, az *acme.Authorization) error {
	if err := onePerOrder(len(az.Challenges), az.Identifier); err != nil {
		return err
	}
	return d.DB.CreateAuthorization(ctx, az)
}

// CreateOrder makes an order for one device.
func (d *acmeDB) CreateOrder(ctx context.Context, o *acme.Order) error {
	var first acme.Identifier
	if len(o.Identifiers) > 0 {
		first = o.Identifiers[0]
	}
	if err := onePerOrder(len(o.Identifiers), first); err != nil {
		return err
	}
	return d.DB.CreateOrder(ctx, o)
}

// GetChallenge finds a challenge of an authorization. Both ids are the client's, and the
// attested key is written into the authorization: one that is not the challenge's own would
// leave that without a key, and its order free to have any key certified.
func (d *acmeDB) GetChallenge(ctx context.Context, id, authorization string) (*acme.Challenge, error) {
	az, err := d.GetAuthorization(ctx, authorization)
	if err != nil {
		return nil, err
	}
	for _, ch := range az.Challenges {
		if ch.ID == id && ch.AccountID == az.AccountID {
			return ch, nil
		}
	}
	return nil, acme.NewError(acme.ErrorMalformedType, "challenge %.40q is not of authorization %.40q", id, authorization)
}

// GetAuthorization refuses one that is valid for no key: nothing would be compared with the
// key to be certified.
func (d *acmeDB) GetAuthorization(ctx context.Context, id string) (*acme.Authorization, error) {
	az, err := d.DB.GetAuthorization(ctx, id)
	if err == nil && az.Status == acme.StatusValid && az.Fingerprint == "" {
		return nil, notAttested()
	}
	return az, err
}

// UpdateAuthorization keeps the attested key: who read the authorization before it was
// attested, and its challenge afterwards, would write it away again. The key is on record
// before the challenge counts.
func (d *acmeDB) UpdateAuthorization(ctx context.Context, az *acme.Authorization) error {
	if az.Fingerprint == "" {
		now, err := d.GetAuthorization(ctx, az.ID)
		if err != nil {
			return err
		}
		az.Fingerprint = now.Fingerprint
	}
	if az.Status == acme.StatusValid && az.Fingerprint == "" {
		return notAttested()
	}
	return d.DB.UpdateAuthorization(ctx, az)
}
