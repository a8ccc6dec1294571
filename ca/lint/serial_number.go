package lint

import "fmt"

// serialNumber: what is random cannot be predicted by who wants two certificates with
// one hash. A rule sees length alone; that the bits are random is the business of who
// draws them.
func serialNumber() Rule {
	return Rule{
		ID: "serial_number", Requires: "a positive serial number of at least 64 bits and at most 20 octets",
		Citation: "CABF Code Signing BR section 7.1, RFC 5280 §4.1.2.2", Source: SourceCABF,
		applies: always,
		broken: func(c *Certificate) string {
			n := c.X509.SerialNumber
			switch octets := n.BitLen()/8 + 1; { // with the sign's bit
			case n.Sign() <= 0:
				return "the serial number is not positive"
			case n.BitLen() < minSerialBits:
				return fmt.Sprintf("a serial number of %d bits, at least %d", n.BitLen(), minSerialBits)
			case octets > maxSerialOctets:
				return fmt.Sprintf("a serial number of %d octets, at most %d", octets, maxSerialOctets)
			}
			return ""
		},
	}
}
