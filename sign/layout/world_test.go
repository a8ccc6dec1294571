package layout

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"testing"
	"time"

	"github.com/in-toto/in-toto-golang/in_toto"
	"github.com/secure-systems-lab/go-securesystemslib/dsse"
	"github.com/secure-systems-lab/go-securesystemslib/signerverifier"

	"github.com/hallmark-pki/hallmark/attest"
)

// world is a supply chain of two steps, written and signed by in-toto's own library.
type world struct {
	layout  in_toto.Layout
	write   in_toto.Link
	pack    in_toto.Link
	writer  in_toto.Key
	packer  in_toto.Key
	further []in_toto.Key // may pack too
}

const written = "1111111111111111111111111111111111111111111111111111111111111111"

var (
	testNow  = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	artifact = func() string { d := sha256.Sum256([]byte("hello.tar.gz")); return hex.EncodeToString(d[:]) }()
)

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{writer: newKey(t), packer: newKey(t), further: []in_toto.Key{newKey(t)}}
	source, product := map[string]in_toto.HashObj{"hello.py": {"sha256": written}}, map[string]in_toto.HashObj{"hello.tar.gz": {"sha256": artifact}}
	w.write = in_toto.Link{Type: "link", Name: "write", Materials: map[string]in_toto.HashObj{}, Products: source}
	w.pack = in_toto.Link{Type: "link", Name: "pack", Command: []string{"tar", "zcf", "hello.tar.gz", "hello.py"}, Materials: source, Products: product}
	step := func(name string, materials, products [][]string, keys ...in_toto.Key) in_toto.Step {
		s := in_toto.Step{Type: "step", Threshold: 1, SupplyChainItem: in_toto.SupplyChainItem{Name: name, ExpectedMaterials: materials, ExpectedProducts: products}}
		for _, k := range keys {
			s.PubKeys = append(s.PubKeys, k.KeyID)
		}
		return s
	}
	w.layout = in_toto.Layout{
		Type: "layout", Expires: "2026-12-31T00:00:00Z", Keys: map[string]in_toto.Key{}, Inspect: []in_toto.Inspection{},
		Steps: []in_toto.Step{
			step("write", [][]string{{"DISALLOW", "*"}}, [][]string{{"CREATE", "hello.py"}, {"DISALLOW", "*"}}, w.writer),
			step("pack", [][]string{{"MATCH", "hello.py", "WITH", "PRODUCTS", "FROM", "write"}, {"DISALLOW", "*"}}, [][]string{{"CREATE", "hello.tar.gz"}, {"DISALLOW", "*"}}, w.packer, w.further[0]),
		},
	}
	for _, k := range []in_toto.Key{w.writer, w.packer, w.further[0]} {
		w.layout.Keys[k.KeyID] = public(k)
	}
	return w
}

func newKey(t testing.TB) in_toto.Key {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	pub, err := x509.MarshalPKIXPublicKey(k.Public())
	must(t, err)
	sum := sha256.Sum256(pub)
	return in_toto.Key{KeyID: hex.EncodeToString(sum[:]), KeyType: "ecdsa", Scheme: "ecdsa-sha2-nistp256", KeyVal: in_toto.KeyVal{
		Public:  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})),
		Private: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
	}}
}

// reword changes what the layout says about the writer's key.
func (w *world) reword(change func(*in_toto.Key)) {
	k := w.layout.Keys[w.writer.KeyID]
	change(&k)
	w.layout.Keys[w.writer.KeyID] = k
}

// rsaKey is a public key of RSA in PEM.
func rsaKey(t testing.TB) string {
	t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 3072)
	must(t, err)
	pub, err := x509.MarshalPKIXPublicKey(k.Public())
	must(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}))
}

func public(k in_toto.Key) in_toto.Key {
	k.KeyVal.Private = ""
	return k
}

// document signs a payload as in-toto does and reads it.
func document(t testing.TB, payload any, keys ...in_toto.Key) *Document {
	t.Helper()
	d, err := Read(signed(t, payload, keys...))
	must(t, err)
	return d
}

func signed(t testing.TB, payload any, keys ...in_toto.Key) []byte {
	t.Helper()
	body, err := json.Marshal(payload)
	must(t, err)
	var signers []dsse.Signer
	for _, k := range keys {
		s, err := signerverifier.NewECDSASignerVerifierFromSSLibKey(&signerverifier.SSLibKey{
			KeyID: k.KeyID, KeyType: k.KeyType, Scheme: k.Scheme, KeyVal: signerverifier.KeyVal{Public: k.KeyVal.Public, Private: k.KeyVal.Private},
		})
		must(t, err)
		signers = append(signers, s)
	}
	signer, err := dsse.NewEnvelopeSigner(signers...)
	must(t, err)
	envelope, err := signer.SignPayload(context.Background(), attest.PayloadType, body)
	must(t, err)
	raw, err := json.Marshal(envelope)
	must(t, err)
	return raw
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
