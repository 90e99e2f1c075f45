package main

// Tokens of service accounts: made for whoever may create `serviceaccounts/token`, and told from forged ones. Their
// form is this server's own; they do not expire, but die with their account.

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"os"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
)

type tokens struct {
	key      []byte
	accounts *registry.Store
}

func newTokens(path string) (*tokens, error) {
	key, err := os.ReadFile(path)
	return &tokens{key: key}, err
}

var encoding = base64.RawURLEncoding

func (t *tokens) sign(subject string) string {
	mac := hmac.New(sha256.New, t.key)
	mac.Write([]byte(subject))
	return encoding.EncodeToString([]byte(subject)) + "." + encoding.EncodeToString(mac.Sum(nil))
}

// AuthenticateToken lets in whom a token was made for, as long as that very account exists.
func (t *tokens) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	head, _, _ := strings.Cut(token, ".")
	subject, err := encoding.DecodeString(head)
	if err != nil || !hmac.Equal([]byte(t.sign(string(subject))), []byte(token)) {
		return nil, false, errors.New("not a token of this server")
	}
	parts := strings.Split(string(subject), "/")
	found, err := t.accounts.Get(request.WithNamespace(ctx, parts[0]), parts[1], &metav1.GetOptions{})
	if err != nil {
		return nil, false, err
	}
	if string(found.(*corev1.ServiceAccount).UID) != parts[2] {
		return nil, false, errors.New("the service account of the token was deleted")
	}
	return &authenticator.Response{User: serviceaccount.UserInfo(parts[0], parts[1], parts[2])}, true, nil
}

// tokenREST is serviceaccounts/token.
type tokenREST struct{ *tokens }

func (tokenREST) New() runtime.Object { return &authenticationv1.TokenRequest{} }
func (tokenREST) Destroy()            {}
func (tokenREST) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return authenticationv1.SchemeGroupVersion.WithKind("TokenRequest")
}

func (t tokenREST) Create(ctx context.Context, name string, wanted runtime.Object, _ rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	found, err := t.accounts.Get(ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	account, made := found.(*corev1.ServiceAccount), wanted.(*authenticationv1.TokenRequest)
	made.Name, made.Namespace = account.Name, account.Namespace
	made.Status.Token = t.sign(account.Namespace + "/" + account.Name + "/" + string(account.UID))
	made.Status.ExpirationTimestamp = metav1.NewTime(time.Now().Add(time.Hour))
	return made, nil
}
