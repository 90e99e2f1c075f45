// A Kubernetes API server for tests, from the libraries that Kubernetes' own is made of: custom resources by
// apiextensions-apiserver, the built-in kinds by generic stores. It takes the flags of kube-apiserver that the tests
// use, so that either can be started. It may not do what controllers and kubelets do.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
	crdserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/storage"
	"k8s.io/apiserver/pkg/util/webhook"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	settings := newSettings()
	if err := settings.parse(arguments); err != nil {
		return err
	}
	config, err := settings.config()
	if err != nil {
		return err
	}
	etcd := *settings.Etcd
	getter := etcd.CreateRESTOptionsGetter(storage.NewDefaultStorageFactory(etcd.StorageConfig, "application/json", codecs,
		storage.NewDefaultResourceEncodingConfig(scheme), storage.NewResourceConfig(), nil), nil)
	stores, err := newStores(getter)
	if err != nil {
		return err
	}
	config.Authorization.Authorizer = newAuthorizer(stores)

	crds, err := (&crdserver.Config{GenericConfig: config, ExtraConfig: crdserver.ExtraConfig{
		CRDRESTOptionsGetter: options.NewCRDRESTOptionsGetter(etcd, config.ResourceTransformers, config.StorageObjectCountTracker),
		MasterCount:          1,
		AuthResolverWrapper:  webhook.NewDefaultAuthenticationInfoResolverWrapper(nil, nil, config.LoopbackClientConfig, config.TracerProvider),
	}}).Complete().New(genericapiserver.NewEmptyDelegate())
	if err != nil {
		return err
	}
	server := crds.GenericAPIServer
	for _, group := range stores.groups(settings.tokens, config.Authorization.Authorizer) {
		if group.PrioritizedVersions[0].Group == "" {
			err = server.InstallLegacyAPIGroup(genericapiserver.DefaultLegacyAPIPrefix, group)
		} else {
			err = server.InstallAPIGroup(group)
		}
		if err != nil {
			return fmt.Errorf("group %q: %w", group.PrioritizedVersions[0].Group, err)
		}
	}
	if err := publishGroups(server, crds.Informers.Apiextensions().V1().CustomResourceDefinitions()); err != nil {
		return err
	}
	return server.PrepareRun().RunWithContext(ctx)
}

// parse reads the flags of this server; the rest of kube-apiserver's many are unknown to it.
func (s *settings) parse(arguments []string) error {
	flags := pflag.NewFlagSet("apiserver", pflag.ContinueOnError)
	s.ServerRunOptions.AddUniversalFlags(flags)
	s.Etcd.AddFlags(flags)
	s.SecureServing.AddFlags(flags)
	s.Audit.AddFlags(flags)
	flags.StringVar(&s.clientCA, "client-ca-file", "", "who may sign client certificates")
	flags.StringVar(&s.serviceAccountKey, "service-account-signing-key-file", "", "what tokens of service accounts are made with")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	return s.ServerRunOptions.Complete()
}
