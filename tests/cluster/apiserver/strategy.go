package main

// What the registries of all kinds have in common: spec and status are written apart, and generations are counted.

import (
	"context"
	"reflect"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

type strategy struct {
	runtime.ObjectTyper
	names.NameGenerator
	kind   kind
	status bool
}

func part(object runtime.Object, name string) reflect.Value {
	return reflect.ValueOf(object).Elem().FieldByName(name)
}

func hasStatus(object runtime.Object) bool {
	return part(object, "Status").IsValid() && part(object, "Spec").IsValid()
}

func (s strategy) NamespaceScoped() bool          { return s.kind.scope == inNamespace }
func (s strategy) AllowCreateOnUpdate() bool      { return false }
func (s strategy) AllowUnconditionalUpdate() bool { return s.kind.plural != "leases" }
func (s strategy) Canonicalize(runtime.Object)    {}

func (s strategy) PrepareForCreate(_ context.Context, object runtime.Object) {
	if hasStatus(object) {
		part(object, "Status").SetZero()
	}
	if part(object, "Spec").IsValid() {
		object.(metav1.Object).SetGeneration(1)
	}
	setDefaults(object)
}

func (s strategy) PrepareForUpdate(_ context.Context, object, old runtime.Object) {
	kept := "Status"
	if s.status {
		kept = "Spec"
	}
	if hasStatus(object) {
		part(object, kept).Set(part(old, kept))
	}
	setDefaults(object)
	now, before := object.(metav1.Object), old.(metav1.Object)
	now.SetGeneration(before.GetGeneration())
	if spec := part(object, "Spec"); spec.IsValid() && !reflect.DeepEqual(spec.Interface(), part(old, "Spec").Interface()) {
		now.SetGeneration(before.GetGeneration() + 1)
	}
}

func (s strategy) Validate(_ context.Context, object runtime.Object) field.ErrorList {
	return validate(object)
}

func (s strategy) ValidateUpdate(_ context.Context, object, old runtime.Object) field.ErrorList {
	return append(validate(object), validateUpdate(object, old)...)
}

func (s strategy) WarningsOnCreate(context.Context, runtime.Object) []string { return nil }
func (s strategy) WarningsOnUpdate(context.Context, runtime.Object, runtime.Object) []string {
	return nil
}

// GetResetFields keeps appliers from owning what their request cannot change.
func (s strategy) GetResetFields() map[fieldpath.APIVersion]*fieldpath.Set {
	if !hasStatus(s.kind.object) {
		return nil
	}
	reset := fieldpath.MakePathOrDie("status")
	if s.status {
		reset = fieldpath.MakePathOrDie("spec")
	}
	return map[fieldpath.APIVersion]*fieldpath.Set{fieldpath.APIVersion(s.kind.version.String()): fieldpath.NewSet(reset)}
}

// DefaultGarbageCollectionPolicy is a trap worth having here: who deletes a Job and does not say otherwise, as
// `kubectl` does, leaves its Pods behind.
func (s strategy) DefaultGarbageCollectionPolicy(context.Context) rest.GarbageCollectionPolicy {
	switch s.kind.object.(type) {
	case *batchv1.Job:
		return rest.OrphanDependents
	case *corev1.Event:
		return rest.Unsupported
	default:
		return rest.DeleteDependents
	}
}

// podStrategy leaves the end of a Pod that runs to its kubelet.
type podStrategy struct{ strategy }

func (podStrategy) CheckGracefulDelete(_ context.Context, object runtime.Object, options *metav1.DeleteOptions) bool {
	pod := object.(*corev1.Pod)
	if options.GracePeriodSeconds == nil {
		options.GracePeriodSeconds = ptr.To(ptr.Deref(pod.Spec.TerminationGracePeriodSeconds, corev1.DefaultTerminationGracePeriodSeconds))
	}
	if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		options.GracePeriodSeconds = ptr.To[int64](0)
	}
	return true
}
