package linking

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// TLSError is a connection that was given up because one side does not accept the other: certificates, names, dates, or no TLS at all.
type TLSError struct {
	Region, Address string
	Reason          string // what is wrong, in words
	Hint            string // what to do
	Err             error
}

func (e *TLSError) Error() string {
	return fmt.Sprintf("%s: tls with %s: %s: %v", e.Region, e.Address, e.Reason, e.Err)
}
func (e *TLSError) Unwrap() error { return e.Err }

// tlsFiles makes the configuration of one connection. The files are read for every connection, so that certificates that were renewed, and
// authorities that were added, are used by the next one without a restart.
type tlsFiles struct {
	decl     *plans.TLS
	readFile func(string) ([]byte, error)
	plain    Dial
}

// config returns the configuration for a server of the given name, unless another name is declared.
func (f tlsFiles) config(host string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if f.decl.ServerName != "" {
		c.ServerName = f.decl.ServerName
	}
	if f.decl.CA != "" {
		pem, err := f.readFile(f.decl.CA)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", f.decl.CA)
		}
	}
	if f.decl.Cert != "" {
		cert, err := f.readFile(f.decl.Cert)
		if err != nil {
			return nil, err
		}
		key, err := f.readFile(f.decl.Key)
		if err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("client certificate %s with key %s: %w", f.decl.Cert, f.decl.Key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// dial connects with TLS, handshake included, within the timeout.
func (f tlsFiles) dial(ctx context.Context, timeout time.Duration, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	config, err := f.config(host)
	if err != nil {
		return nil, fmt.Errorf("tls: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	plain, err := f.plain(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := tls.Client(plain, config)
	if err := c.HandshakeContext(ctx); err != nil {
		plain.Close()
		if errors.Is(err, io.EOF) || errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("%w: %w", errNoHandshake, err)
		}
		return nil, err
	}
	return c, nil
}

// errNoHandshake is a server that took the connection and closed it, or said nothing, when TLS was to begin.
var errNoHandshake = errors.New("no answer to the TLS handshake")

// tlsError says what is wrong where an error comes from TLS, nil where it does not. at is where the setting stands in lifeboat.yaml.
func tlsError(region, address, at string, decl *plans.TLS, err error) *TLSError {
	var (
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		name      x509.HostnameError
		record    tls.RecordHeaderError
		op        *net.OpError
	)
	e := &TLSError{Region: region, Address: address, Err: err}
	switch {
	case errors.As(err, &authority):
		e.Reason = "its certificate is signed by an authority that is not trusted"
		e.Hint = fmt.Sprintf("name the authority's PEM file: %s.tls.ca in lifeboat.yaml", at)
	case errors.As(err, &name):
		e.Reason = "its certificate is for another name"
		if has := name.Certificate; has != nil {
			var names []string
			names = append(names, has.DNSNames...)
			for _, ip := range has.IPAddresses {
				names = append(names, ip.String())
			}
			if len(names) > 0 {
				e.Reason += ", for " + strings.Join(names, ", ")
			}
		}
		e.Hint = fmt.Sprintf("connect by a name that the certificate has, or write it in %s.tls.serverName", at)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		e.Reason = "its certificate has expired"
		if c := invalid.Cert; c != nil {
			if e.Reason += " on " + c.NotAfter.UTC().Format(time.DateOnly); time.Now().Before(c.NotBefore) {
				e.Reason = "its certificate is not valid before " + c.NotBefore.UTC().Format(time.DateTime)
			}
		}
		e.Hint = "renew the server's certificate, or set this machine's clock right"
	case errors.As(err, &invalid):
		e.Reason = "its certificate is not valid"
		e.Hint = "renew the server's certificate"
	case errors.As(err, &record), errors.Is(err, errNoHandshake):
		e.Reason = "it does not speak TLS there"
		e.Hint = fmt.Sprintf("use the address of its TLS listener, or remove %s.tls from lifeboat.yaml", at)
	case errors.As(err, &op) && op.Op == "remote error" && (decl == nil || decl.Cert == ""):
		e.Reason = "it refuses the connection, and no client certificate is declared"
		e.Hint = fmt.Sprintf("where it asks for one, write %s.tls.cert and key in lifeboat.yaml", at)
	case errors.As(err, &op) && op.Op == "remote error":
		e.Reason = "it refuses the client certificate"
		e.Hint = fmt.Sprintf("check that %s is signed by an authority that the server trusts, and has not expired", decl.Cert)
	case decl == nil && strings.Contains(err.Error(), "tls alert record"): // the client library has no type for it
		e.Reason = "it speaks TLS, and none is declared"
		e.Hint = fmt.Sprintf("write tls: {} in %s in lifeboat.yaml", at)
	default:
		return nil
	}
	return e
}
