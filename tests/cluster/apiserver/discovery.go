package main

// The list of groups at /apis, which the server of custom resources leaves to an aggregator that is not there.

import (
	"slices"

	crdv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	informers "k8s.io/apiextensions-apiserver/pkg/client/informers/externalversions/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/endpoints/discovery/aggregated"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/tools/cache"
)

func publishGroups(server *genericapiserver.GenericAPIServer, crds informers.CustomResourceDefinitionInformer) error {
	handler := aggregated.WrapAggregatedDiscoveryToHandler(server.DiscoveryGroupManager, server.AggregatedDiscoveryGroupManager, nil)
	server.Handler.GoRestfulContainer.Add(handler.GenerateWebService(genericapiserver.APIGroupPrefix, metav1.APIGroupList{}))
	refresh := func(changed any) {
		if gone, ok := changed.(cache.DeletedFinalStateUnknown); ok {
			changed = gone.Obj
		}
		name := changed.(*crdv1.CustomResourceDefinition).Spec.Group
		all, err := crds.Lister().List(labels.Everything())
		if err != nil {
			return // a cache that does not list is one that is being stopped
		}
		if group := describe(name, all); len(group.Versions) > 0 {
			server.DiscoveryGroupManager.AddGroup(group)
		} else {
			server.DiscoveryGroupManager.RemoveGroup(name)
		}
	}
	_, err := crds.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: refresh, UpdateFunc: func(_, changed any) { refresh(changed) }, DeleteFunc: refresh,
	})
	return err
}

func describe(name string, crds []*crdv1.CustomResourceDefinition) metav1.APIGroup {
	var versions []string
	for _, crd := range crds {
		for _, each := range crd.Spec.Versions {
			if crd.Spec.Group == name && each.Served && !slices.Contains(versions, each.Name) {
				versions = append(versions, each.Name)
			}
		}
	}
	slices.SortFunc(versions, func(a, b string) int { return version.CompareKubeAwareVersionStrings(b, a) })
	group := metav1.APIGroup{Name: name}
	for _, each := range versions {
		group.Versions = append(group.Versions, metav1.GroupVersionForDiscovery{GroupVersion: name + "/" + each, Version: each})
	}
	if len(group.Versions) > 0 {
		group.PreferredVersion = group.Versions[0]
	}
	return group
}
