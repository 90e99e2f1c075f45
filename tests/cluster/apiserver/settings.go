package main

// What the command line says, and the configuration that follows from it.

import (
	"errors"
	"fmt"

	crdserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	crdopenapi "k8s.io/apiextensions-apiserver/pkg/generated/openapi"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/group"
	"k8s.io/apiserver/pkg/authentication/request/anonymous"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/authentication/request/union"
	"k8s.io/apiserver/pkg/authentication/request/x509"
	"k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/kube-openapi/pkg/common"

	builtin "apiserver/openapi"
)

type settings struct {
	*options.ServerRunOptions
	Etcd                        *options.EtcdOptions
	SecureServing               *options.SecureServingOptions
	Audit                       *options.AuditOptions
	clientCA, serviceAccountKey string
	tokens                      *tokens
}

func newSettings() *settings {
	s := &settings{
		ServerRunOptions: options.NewServerRunOptions(),
		Etcd:             options.NewEtcdOptions(storagebackend.NewDefaultConfig("/registry", crdserver.Codecs.LegacyCodec(crdVersions...))),
		SecureServing:    options.NewSecureServingOptions(),
		Audit:            options.NewAuditOptions(),
	}
	// Each authorization reads the rules: from etcd itself, so that what was just granted holds.
	for _, kind := range []string{"roles", "rolebindings", "clusterroles", "clusterrolebindings"} {
		s.Etcd.WatchCacheSizes = append(s.Etcd.WatchCacheSizes, kind+".rbac.authorization.k8s.io#0")
	}
	return s
}

func (s *settings) config() (*genericapiserver.RecommendedConfig, error) {
	if err := s.ComponentGlobalsRegistry.Set(); err != nil {
		return nil, err
	}
	config := genericapiserver.NewRecommendedConfig(crdserver.Codecs)
	config.AdmissionControl = admission.NewChainHandler()
	namer := openapi.NewDefinitionNamer(crdserver.Scheme, scheme)
	config.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(definitions, namer)
	config.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(definitions, namer)
	err := errors.Join(
		s.ServerRunOptions.ApplyTo(&config.Config),
		s.Etcd.ApplyTo(&config.Config),
		s.SecureServing.WithLoopback().ApplyTo(&config.SecureServing, &config.LoopbackClientConfig),
		s.Audit.ApplyTo(&config.Config),
		options.NewAPIEnablementOptions().ApplyTo(&config.Config, crdserver.DefaultAPIResourceConfigSource(), crdserver.Scheme))
	if err != nil {
		return nil, err
	}
	return config, s.authenticate(&config.Config)
}

// authenticate lets in who has a certificate, or the token of a service account; the rest is anonymous.
func (s *settings) authenticate(config *genericapiserver.Config) error {
	authority, err := dynamiccertificates.NewDynamicCAContentFromFile("client-ca", s.clientCA)
	if err != nil {
		return fmt.Errorf("--client-ca-file: %w", err)
	}
	if s.tokens, err = newTokens(s.serviceAccountKey); err != nil {
		return fmt.Errorf("--service-account-signing-key-file: %w", err)
	}
	config.SecureServing.ClientCA = authority
	config.Authentication.Authenticator = union.NewFailOnError(
		group.NewAuthenticatedGroupAdder(union.New(
			x509.NewDynamic(authority.VerifyOptions, x509.CommonNameUserConversion),
			bearertoken.New(s.tokens))),
		anonymous.NewAuthenticator([]apiserver.AnonymousAuthCondition{}))
	return nil
}

func definitions(reference common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	all := crdopenapi.GetOpenAPIDefinitions(reference)
	for name, definition := range builtin.GetOpenAPIDefinitions(reference) {
		all[name] = definition
	}
	return all
}
