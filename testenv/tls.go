package testenv

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// TLS makes a region's brokers listen with TLS for clients.
type TLS struct {
	Authority  *Authority // signs the brokers' certificates, and is the one whose clients' certificates they take
	ClientAuth bool       // clients must show a certificate; without Options.Users its name is who they are
	Server     Subject    // of the brokers' certificates; the zero value is valid for loopback
}

// Subject is what a certificate says. The zero value is for 127.0.0.1 and localhost, from an hour ago for a day.
type Subject struct {
	Name      string   // common name
	DNS       []string // in place of loopback
	NotBefore time.Time
	NotAfter  time.Time
}

// Authority is a certificate authority of its own, with its files in a directory.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	n    atomic.Int64 // serial numbers given out
}

// NewAuthority makes an authority that keeps its files, and those of what it signs, in dir.
func NewAuthority(dir string) (*Authority, error) {
	a := &Authority{dir: dir}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a certificate authority: %w", err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(a.n.Add(1)), Subject: pkix.Name{CommonName: "test authority"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err == nil {
		a.cert, err = x509.ParseCertificate(der)
	}
	if err == nil {
		err = writePEM(a.File(), "CERTIFICATE", der)
	}
	if err != nil {
		return nil, fmt.Errorf("making a certificate authority: %w", err)
	}
	a.key = key
	return a, nil
}

// File is the PEM file of the authority's certificate.
func (a *Authority) File() string { return filepath.Join(a.dir, "authority.pem") }

// Issue writes PEM files of a certificate and its key, named after name, over those that were there.
func (a *Authority) Issue(name string, s Subject) (cert, key string, err error) {
	cert, key = filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	der, secret, err := a.sign(s)
	if err == nil {
		err = writePEM(cert, "CERTIFICATE", der, a.cert.Raw)
	}
	if err == nil {
		err = writePEM(key, "PRIVATE KEY", secret)
	}
	if err != nil {
		return "", "", fmt.Errorf("issuing certificate %q: %w", name, err)
	}
	return cert, key, nil
}

func (a *Authority) sign(s Subject) (der, secret []byte, err error) {
	now := time.Now()
	t := &x509.Certificate{SerialNumber: big.NewInt(a.n.Add(1)), Subject: pkix.Name{CommonName: s.Name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	if t.DNSNames = s.DNS; len(s.DNS) == 0 {
		t.DNSNames, t.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	if !s.NotBefore.IsZero() {
		t.NotBefore = s.NotBefore
	}
	if !s.NotAfter.IsZero() {
		t.NotAfter = s.NotAfter
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if secret, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, nil, err
	}
	der, err = x509.CreateCertificate(rand.Reader, t, a.cert, &key.PublicKey, a.key)
	return der, secret, err
}

func writePEM(path, kind string, blocks ...[]byte) error {
	var text []byte
	for _, b := range blocks {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})...)
	}
	return os.WriteFile(path, text, 0o600)
}

// pair issues a certificate and reads it back.
func (a *Authority) pair(name string, s Subject) (tls.Certificate, error) {
	cert, key, err := a.Issue(name, s)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.LoadX509KeyPair(cert, key)
}

func (a *Authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// server is the configuration of a broker in this process.
func (t *TLS) server(region string) (*tls.Config, error) {
	pair, err := t.Authority.pair(region+"-broker", t.Server)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if t.ClientAuth {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, t.Authority.pool()
	}
	return c, nil
}

// client is the configuration of the environment's own clients, which take the brokers whatever their certificates say: a test that
// makes them bad on purpose needs its brokers running.
func (t *TLS) client(region string) (*tls.Config, error) {
	pair, err := t.Authority.pair(region+"-environment", Subject{Name: "environment"})
	return &tls.Config{Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}, err
}

// kafka adds to server.properties what makes CLIENT a TLS listener. Files are PEM (KIP-651).
func (t *TLS) kafka(region string, p map[string]string) error {
	cert, key, err := t.Authority.Issue(region+"-broker", t.Server)
	if err != nil {
		return err
	}
	var store []byte // the key, then its certificate
	for _, path := range []string{key, cert} {
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("making the broker's key store: %w", err)
		}
		store = append(store, text...)
	}
	path := filepath.Join(t.Authority.dir, region+"-broker.store")
	if err := os.WriteFile(path, store, 0o600); err != nil {
		return fmt.Errorf("making the broker's key store: %w", err)
	}
	p["listener.name.client.ssl.keystore.type"] = "PEM"
	p["listener.name.client.ssl.keystore.location"] = path
	p["listener.name.client.ssl.truststore.type"] = "PEM"
	p["listener.name.client.ssl.truststore.location"] = t.Authority.File()
	p["listener.name.client.ssl.client.auth"] = "none"
	if t.ClientAuth {
		p["listener.name.client.ssl.client.auth"] = "required"
	}
	return nil
}
