// A webhook receiver for Go 1.19 and later, with nothing but its standard library.
//
//	ZORIO_WEBHOOK_SECRET=… go run receiver.go            plain HTTP on 127.0.0.1:8080, behind a TLS proxy
//	CERT_FILE=… KEY_FILE=… PORT=8443 go run receiver.go  HTTPS by itself
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	maxAge  = 300         // seconds
	maxBody = 1024 * 1024 // bytes
)

var secret = []byte(os.Getenv("ZORIO_WEBHOOK_SECRET"))

// In production keep these in a shared store with a day's expiry: SET zorio:delivery:<id> 1 NX EX 86400
var seen sync.Map

type event struct {
	Event     string         `json:"event"`
	Timestamp string         `json:"timestamp"`
	Data      map[string]any `json:"data"`
}

// receive returns the status and the text to answer with; the event is handled when it is new.
func receive(header http.Header, body []byte, now time.Time) (int, string) {
	sent, err := strconv.ParseInt(header.Get("X-Zorio-Timestamp"), 10, 64)
	age := now.Unix() - sent
	if err != nil || age > maxAge || age < -maxAge {
		return http.StatusBadRequest, "Stale timestamp"
	}

	// Over the bytes as they arrived: parsing and printing JSON again would change them.
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	expected := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	if !hmac.Equal([]byte(expected), []byte(header.Get("X-Zorio-Signature"))) {
		return http.StatusUnauthorized, "Invalid signature"
	}

	if _, known := seen.LoadOrStore(header.Get("X-Zorio-Delivery"), true); known {
		return http.StatusOK, "Duplicate"
	}

	var told event
	if err := json.Unmarshal(body, &told); err != nil {
		return http.StatusBadRequest, "Not JSON"
	}
	handle(told)
	return http.StatusOK, "OK"
}

// handle is what your application does with an event. Answer within 5 seconds: put slow work into a queue.
func handle(told event) {
	fmt.Println(told.Timestamp, told.Event, told.Data["call_uuid"])
}

func serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "Too large", http.StatusRequestEntityTooLarge)
		return
	}
	status, text := receive(r.Header, body, time.Now())
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(status)
	io.WriteString(w, text)
}

func main() {
	if len(secret) == 0 {
		log.Fatal("ZORIO_WEBHOOK_SECRET is not set")
	}
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on port", listener.Addr().(*net.TCPAddr).Port)
	http.HandleFunc("/", serve)
	if certificate := os.Getenv("CERT_FILE"); certificate != "" {
		log.Fatal(http.ServeTLS(listener, nil, certificate, os.Getenv("KEY_FILE")))
	}
	log.Fatal(http.Serve(listener, nil))
}
