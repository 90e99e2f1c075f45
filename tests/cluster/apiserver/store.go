package main

// One store for each built-in kind, and the subresources that come with it.

import (
	"fmt"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/names"

	authorizationv1 "k8s.io/api/authorization/v1"
)

// stores by plural; events of events.k8s.io are at "events.k8s.io/events".
type stores map[string]*registry.Store

func newStores(getter generic.RESTOptionsGetter) (stores, error) {
	all := stores{}
	for _, k := range kinds {
		store, err := newStore(k, getter)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k.plural, err)
		}
		all[k.key()] = store
	}
	return all, nil
}

func (k kind) key() string {
	if k.version.Group == "events.k8s.io" {
		return k.version.Group + "/" + k.plural
	}
	return k.plural
}

func newStore(k kind, getter generic.RESTOptionsGetter) (*registry.Store, error) {
	resource := k.version.WithResource(k.plural).GroupResource()
	singular := k.version.WithResource(strings.ToLower(reflect.TypeOf(k.object).Elem().Name())).GroupResource()
	var rules interface {
		rest.RESTCreateStrategy
		rest.RESTUpdateStrategy
		rest.ResetFieldsStrategy
	} = strategy{scheme, names.SimpleNameGenerator, k, false}
	if k.plural == "pods" {
		rules = podStrategy{rules.(strategy)}
	}
	store := &registry.Store{
		NewFunc:     func() runtime.Object { return fresh(k.object) },
		NewListFunc: func() runtime.Object { return fresh(k.list) },
		PredicateFunc: func(label labels.Selector, field fields.Selector) storage.SelectionPredicate {
			return storage.SelectionPredicate{Label: label, Field: field, GetAttrs: attributes}
		},
		DefaultQualifiedResource: resource, SingularQualifiedResource: singular,
		CreateStrategy: rules, UpdateStrategy: rules, DeleteStrategy: rules, ResetFieldsStrategy: rules,
		EnableGarbageCollection: true,
		TableConvertor:          rest.NewDefaultTableConvertor(resource),
	}
	return store, store.CompleteWithOptions(&generic.StoreOptions{RESTOptions: getter, AttrFunc: attributes})
}

func fresh(object runtime.Object) runtime.Object {
	return reflect.New(reflect.TypeOf(object).Elem()).Interface().(runtime.Object)
}

// attributes are what objects can be selected by.
func attributes(object runtime.Object) (labels.Set, fields.Set, error) {
	meta, ok := object.(metav1.Object)
	if !ok {
		return nil, nil, fmt.Errorf("%T has no metadata", object)
	}
	selectable := fields.Set{"metadata.name": meta.GetName(), "metadata.namespace": meta.GetNamespace()}
	switch o := object.(type) {
	case *corev1.Pod:
		selectable["spec.nodeName"] = o.Spec.NodeName
		selectable["status.phase"] = string(o.Status.Phase)
		selectable["status.podIP"] = o.Status.PodIP
	case *corev1.Secret:
		selectable["type"] = string(o.Type)
	case *corev1.Event:
		selectable["involvedObject.kind"] = o.InvolvedObject.Kind
		selectable["involvedObject.name"] = o.InvolvedObject.Name
		selectable["involvedObject.namespace"] = o.InvolvedObject.Namespace
		selectable["involvedObject.uid"] = string(o.InvolvedObject.UID)
		selectable["reason"] = o.Reason
		selectable["type"] = o.Type
	}
	return meta.GetLabels(), selectable, nil
}

// groups are the stores as the server serves them.
func (s stores) groups(t *tokens, a authorizer.Authorizer) []*genericapiserver.APIGroupInfo {
	t.accounts = s["serviceaccounts"]
	var groups []*genericapiserver.APIGroupInfo
	resources := func(group, version string) map[string]rest.Storage {
		for _, known := range groups {
			if known.PrioritizedVersions[0].Group == group {
				return known.VersionedResourcesStorageMap[version]
			}
		}
		info := genericapiserver.NewDefaultAPIGroupInfo(group, scheme, runtime.NewParameterCodec(scheme), codecs)
		info.VersionedResourcesStorageMap[version] = map[string]rest.Storage{}
		groups = append(groups, &info)
		return info.VersionedResourcesStorageMap[version]
	}
	for _, k := range kinds {
		served, store := resources(k.version.Group, k.version.Version), s[k.key()]
		served[k.plural] = named{store, k.short}
		if hasStatus(k.object) {
			served[k.plural+"/status"] = newStatus(k, store)
		}
		if field := part(k.object, "Spec"); field.IsValid() && field.FieldByName("Replicas").IsValid() {
			served[k.plural+"/scale"] = scale{store}
		}
	}
	resources("", "v1")["serviceaccounts/token"] = tokenREST{t}
	resources(authorizationv1.GroupName, "v1")["selfsubjectaccessreviews"] = reviews{a}
	return groups
}

// named is a store with its short names.
type named struct {
	*registry.Store
	short []string
}

func (n named) ShortNames() []string { return n.short }
