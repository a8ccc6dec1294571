package notify_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/hallmark-pki/hallmark/notify"
)

func hook(secret []byte, seen func(id string) bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, notify.MaxBodyBytes))
		if err == nil {
			err = notify.Verify(secret, r.Header, body, time.Now())
		}
		if err != nil {
			http.Error(w, "not from hallmark", http.StatusUnauthorized)
			return
		}
		event, err := notify.ParseEvent(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if !seen(event.ID) {
			fmt.Println(event.Type, event.Data["assessment"])
		}
	}
}

func ExampleVerify() {
	secret, err := notify.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		panic(err)
	}
	body := `{"id":"msg_1","type":"assessment.expired","at":"2026-03-01T12:00:00Z","data":{"assessment":"9f86"}}`
	handler := hook(secret, func(string) bool { return false })
	for _, sent := range []string{body, strings.Replace(body, "9f86", "9f87", 1)} {
		now := time.Now()
		r := httptest.NewRequest(http.MethodPost, "/hook", strings.NewReader(sent))
		r.Header.Set(notify.HeaderID, "msg_1")
		r.Header.Set(notify.HeaderTimestamp, strconv.FormatInt(now.Unix(), 10))
		r.Header.Set(notify.HeaderSignature, notify.Sign(secret, "msg_1", now, []byte(body)))
		w := httptest.NewRecorder()
		handler(w, r)
		fmt.Println(w.Code)
	}
	// Output:
	// assessment.expired 9f86
	// 200
	// 401
}
