package keys_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hallmark-pki/hallmark/keys"
)

// fakeAWS answers the part of AWS KMS's JSON API that is used.
type fakeAWS struct {
	mu      sync.Mutex
	keys    map[string]crypto.Signer // by id
	public  crypto.PublicKey         // not nil: told instead of the key's own
	status  int                      // not 0: every answer
	signBy  crypto.Signer            // not nil: signs instead of the key
	garbage bool
	asked   []string
}

const awsID = "1234abcd-12ab-34cd-56ef-1234567890ab"

// serveAWS points the driver to the fake, and away from this machine's own account.
func serveAWS(t *testing.T, f *fakeAWS) {
	t.Helper()
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_KMS": server.URL, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "not-a-secret", "AWS_REGION": "eu-central-1",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
}

func (f *fakeAWS) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeAWS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var in struct {
		KeyID            string `json:"KeyId"`
		Message          []byte
		SigningAlgorithm string
		KeySpec          string
		AliasName        string
	}
	_, action, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	f.asked = append(f.asked, action)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	fail := func(status int, kind string) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]string{"__type": kind, "message": "the fake says no"})
	}

	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || f.status != 0 {
		fail(max(f.status, http.StatusBadRequest), "KMSInternalException")
		return
	}
	key := f.keys[in.KeyID]
	if key == nil && action != "CreateKey" && action != "CreateAlias" {
		fail(http.StatusBadRequest, "NotFoundException")
		return
	}
	out := map[string]any{"KeyId": in.KeyID}
	switch action {
	case "GetPublicKey":
		public := key.Public()
		if f.public != nil {
			public = f.public
		}
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			fail(http.StatusInternalServerError, "KMSInternalException")
			return
		}
		out["PublicKey"] = der
	case "Sign":
		if f.signBy != nil {
			key = f.signBy
		}
		hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384}[in.SigningAlgorithm[len(in.SigningAlgorithm)-3:]]
		sig, err := key.Sign(rand.Reader, in.Message, hash)
		if err != nil {
			fail(http.StatusBadRequest, "ValidationException")
			return
		}
		if f.garbage {
			sig = []byte("x")
		}
		out["Signature"] = sig
	case "CreateKey":
		curve := map[string]elliptic.Curve{"ECC_NIST_P256": elliptic.P256(), "ECC_NIST_P384": elliptic.P384()}[in.KeySpec]
		f.keys[awsID], _ = ecdsa.GenerateKey(curve, rand.Reader)
		out = map[string]any{"KeyMetadata": map[string]any{"KeyId": awsID}}
	}
	json.NewEncoder(w).Encode(out)
}

func TestAWSSigns(t *testing.T) {
	f := &fakeAWS{keys: map[string]crypto.Signer{"ec": newEC(t, elliptic.P256()), "p384": newEC(t, elliptic.P384()), "rsa": rsa3072()}}
	serveAWS(t, f)
	for id, key := range f.keys {
		for _, uri := range []string{"awskms:key-id=" + id, "awskms:key-id=" + id + ";region=us-east-1", "awskms:region=us-east-1?key-id=" + id} {
			k := openKey(t, uri, keys.Options{})
			signAndOpen(t, k, key.Public())
			if err := k.Close(); err != nil {
				t.Error(err)
			}
			wantReason(t, sign(t, k), keys.Closed)
		}
	}
	k := openKey(t, "awskms:key-id=ec", keys.Options{})
	_, err := k.Sign(rand.Reader, []byte("short"), crypto.SHA256)
	wantReason(t, err, keys.NotADigest)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			digest := sha256.Sum256([]byte("x"))
			if sig, err := k.Sign(rand.Reader, digest[:], crypto.SHA256); err != nil || !verifies(f.keys["ec"].Public(), digest[:], sig) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// A service that fails is named, and works again without opening the key anew; one that
// lies is found.
func TestAWSFailsAndLies(t *testing.T) {
	f := &fakeAWS{keys: map[string]crypto.Signer{"ec": newEC(t, elliptic.P256()), "large": newEC(t, elliptic.P521())}}
	serveAWS(t, f)
	k := openKey(t, "awskms:key-id=ec", keys.Options{})
	for name, c := range map[string]struct {
		change func()
		want   keys.Reason
	}{
		"fails":               {func() { f.status = http.StatusInternalServerError }, keys.SigningFailed},
		"forbids":             {func() { f.status = http.StatusForbidden }, keys.SigningFailed},
		"another's signature": {func() { f.signBy = newEC(t, elliptic.P256()) }, keys.BadSignature},
		"no signature":        {func() { f.garbage = true }, keys.BadSignature},
	} {
		t.Run(name, func(t *testing.T) {
			f.set(c.change)
			err := sign(t, k)
			f.set(func() { f.status, f.signBy, f.garbage = 0, nil, false })
			wantReason(t, err, c.want)
			if strings.Contains(err.Error(), "not-a-secret") {
				t.Errorf("a credential is told: %v", err)
			}
			if err := sign(t, k); err != nil {
				t.Errorf("the service is back: %v", err)
			}
		})
	}
	_, err := keys.Open(t.Context(), "awskms:key-id=none", keys.Options{})
	wantReason(t, err, keys.NoService, "NotFoundException")
	_, err = keys.Open(t.Context(), "awskms:key-id=large", keys.Options{})
	wantReason(t, err, keys.BadKey, "P-521")
	// The public key it tells belongs to nobody it can sign for.
	f.set(func() { f.public = newEC(t, elliptic.P256()).Public() })
	wantReason(t, sign(t, openKey(t, "awskms:key-id=ec", keys.Options{})), keys.BadSignature)
}

func TestAWSGenerates(t *testing.T) {
	f := &fakeAWS{keys: map[string]crypto.Signer{}}
	serveAWS(t, f)
	for _, a := range []keys.Algorithm{keys.P256, keys.P384} {
		made, err := keys.Generate(t.Context(), "awskms:name=root;region=us-east-1", keys.Options{}, a)
		if err != nil || made.URI != "awskms:key-id="+awsID+";region=us-east-1" || made.Kind != "ECDSA "+string(a) {
			t.Fatalf("%+v, %v", made, err)
		}
		signAndOpen(t, openKey(t, made.URI, keys.Options{}), made.Public)
	}
	f.set(func() { f.signBy = newEC(t, elliptic.P256()) })
	_, err := keys.Generate(t.Context(), "awskms:name=root", keys.Options{}, keys.P256)
	wantReason(t, err, keys.NotMade, "does not sign", awsID)
	f.set(func() { f.signBy, f.status = nil, http.StatusForbidden })
	_, err = keys.Generate(t.Context(), "awskms:name=root", keys.Options{}, keys.P256)
	wantReason(t, err, keys.NotMade)
}
