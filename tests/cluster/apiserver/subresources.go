package main

// status and scale.

import (
	"context"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// status has no list, create or delete, so the store is not embedded.
type status struct{ store *registry.Store }

func newStatus(k kind, store *registry.Store) status {
	copied := *store
	rules := strategy{scheme, names.SimpleNameGenerator, k, true}
	copied.UpdateStrategy, copied.ResetFieldsStrategy = rules, rules
	return status{&copied}
}

func (s status) New() runtime.Object { return s.store.New() }
func (s status) Destroy()            {}
func (s status) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	return s.store.Get(ctx, name, options)
}
func (s status) Update(ctx context.Context, name string, change rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	return s.store.Update(ctx, name, change, create, update, false, options)
}
func (s status) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	return s.store.GetResetFields()
}
func (s status) ConvertToTable(ctx context.Context, object, options runtime.Object) (*metav1.Table, error) {
	return s.store.ConvertToTable(ctx, object, options)
}

// scale is the number of replicas of a Deployment, ReplicaSet or StatefulSet. Who owns it is not tracked.
type scale struct{ store *registry.Store }

func (s scale) New() runtime.Object { return &autoscalingv1.Scale{} }
func (s scale) Destroy()            {}
func (s scale) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return autoscalingv1.SchemeGroupVersion.WithKind("Scale")
}

func (s scale) Get(ctx context.Context, name string, options *metav1.GetOptions) (runtime.Object, error) {
	object, err := s.store.Get(ctx, name, options)
	if err != nil {
		return nil, err
	}
	return scaleOf(object), nil
}

func (s scale) Update(ctx context.Context, name string, change rest.UpdatedObjectInfo, create rest.ValidateObjectFunc, update rest.ValidateObjectUpdateFunc, _ bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	apply := func(ctx context.Context, _, old runtime.Object) (runtime.Object, error) {
		wanted, err := change.UpdatedObject(ctx, scaleOf(old))
		if err != nil {
			return nil, err
		}
		object, replicas := old.DeepCopyObject(), wanted.(*autoscalingv1.Scale).Spec.Replicas
		*part(object, "Spec").FieldByName("Replicas").Interface().(*int32) = replicas
		object.(metav1.Object).SetResourceVersion(wanted.(metav1.Object).GetResourceVersion())
		return object, nil
	}
	object, _, err := s.store.Update(ctx, name, rest.DefaultUpdatedObjectInfo(nil, apply), create, update, false, options)
	if err != nil {
		return nil, false, err
	}
	return scaleOf(object), false, nil
}

func (s scale) ConvertToTable(ctx context.Context, object, options runtime.Object) (*metav1.Table, error) {
	return s.store.ConvertToTable(ctx, object, options)
}

func scaleOf(object runtime.Object) *autoscalingv1.Scale {
	meta, spec := object.(metav1.Object), part(object, "Spec")
	selector, _ := metav1.LabelSelectorAsSelector(spec.FieldByName("Selector").Interface().(*metav1.LabelSelector))
	made := &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: meta.GetName(), Namespace: meta.GetNamespace(), UID: meta.GetUID(),
			ResourceVersion: meta.GetResourceVersion(), CreationTimestamp: meta.GetCreationTimestamp()},
		Status: autoscalingv1.ScaleStatus{Replicas: int32(part(object, "Status").FieldByName("Replicas").Int()), Selector: selector.String()},
	}
	if replicas := spec.FieldByName("Replicas").Interface().(*int32); replicas != nil {
		made.Spec.Replicas = *replicas
	}
	return made
}
