package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// readSigningKey reads a private ed25519 key as `openssl genpkey -algorithm ed25519` writes it: PKCS #8 in PEM (RFC 8410).
func readSigningKey(path string) (ed25519.PrivateKey, error) {
	const hint = "make one: openssl genpkey -algorithm ed25519 -out key.pem"
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, withHint{fmt.Errorf("reading the signing key: %w", err), hint}
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, withHint{fmt.Errorf("the signing key %s is not in PEM", path), hint}
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, withHint{fmt.Errorf("the signing key %s: %w", path, err), hint}
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, withHint{fmt.Errorf("the signing key %s is of another kind than ed25519", path), hint}
	}
	return key, nil
}

// seal writes a file's checksum beside it, as sha256sum does, and its signature where there is a key: the 64 bytes of RFC 8032 over the whole file.
func seal(path string, key ed25519.PrivateKey) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("sealing the report: %w", err)
	}
	err = os.WriteFile(path+".sha256", fmt.Appendf(nil, "%x  %s\n", sha256.Sum256(b), filepath.Base(path)), 0o644)
	if key != nil {
		err = errors.Join(err, os.WriteFile(path+".sig", ed25519.Sign(key, b), 0o644))
	}
	if err != nil {
		return fmt.Errorf("sealing the report: %w", err)
	}
	return nil
}
