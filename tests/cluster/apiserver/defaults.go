package main

// The defaults that clients come to see, and the mistakes that they would meet first. Kubernetes has many more.

import (
	"maps"
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

func setDefaults(object runtime.Object) {
	switch o := object.(type) {
	case *corev1.Namespace:
		o.Status.Phase = corev1.NamespaceActive
	case *corev1.Secret:
		setDefault(&o.Type, corev1.SecretTypeOpaque)
		for key, value := range o.StringData {
			if o.Data == nil {
				o.Data = map[string][]byte{}
			}
			o.Data[key] = []byte(value)
		}
		o.StringData = nil
	case *corev1.Service:
		setDefault(&o.Spec.Type, corev1.ServiceTypeClusterIP)
		setDefault(&o.Spec.SessionAffinity, corev1.ServiceAffinityNone)
		for i := range o.Spec.Ports {
			setDefault(&o.Spec.Ports[i].Protocol, corev1.ProtocolTCP)
			setDefault(&o.Spec.Ports[i].TargetPort, intstr.FromInt32(o.Spec.Ports[i].Port))
		}
	case *corev1.Pod:
		setDefault(&o.Status.Phase, corev1.PodPending)
		setPodDefaults(&o.Spec, corev1.RestartPolicyAlways)
	case *appsv1.Deployment:
		setDefault(&o.Spec.Replicas, ptr.To[int32](1))
		setDefault(&o.Spec.RevisionHistoryLimit, ptr.To[int32](10))
		setDefault(&o.Spec.ProgressDeadlineSeconds, ptr.To[int32](600))
		setDefault(&o.Spec.Strategy.Type, appsv1.RollingUpdateDeploymentStrategyType)
		if quarter := intstr.FromString("25%"); o.Spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
			setDefault(&o.Spec.Strategy.RollingUpdate, &appsv1.RollingUpdateDeployment{})
			setDefault(&o.Spec.Strategy.RollingUpdate.MaxSurge, &quarter)
			setDefault(&o.Spec.Strategy.RollingUpdate.MaxUnavailable, &quarter)
		}
		setPodDefaults(&o.Spec.Template.Spec, corev1.RestartPolicyAlways)
	case *appsv1.StatefulSet:
		setDefault(&o.Spec.Replicas, ptr.To[int32](1))
		setDefault(&o.Spec.PodManagementPolicy, appsv1.OrderedReadyPodManagement)
		setPodDefaults(&o.Spec.Template.Spec, corev1.RestartPolicyAlways)
	case *batchv1.Job:
		setJobDefaults(&o.Spec)
		ownTemplate(o)
	case *batchv1.CronJob:
		setDefault(&o.Spec.ConcurrencyPolicy, batchv1.AllowConcurrent)
		setDefault(&o.Spec.Suspend, ptr.To(false))
		setDefault(&o.Spec.SuccessfulJobsHistoryLimit, ptr.To[int32](3))
		setDefault(&o.Spec.FailedJobsHistoryLimit, ptr.To[int32](1))
		setPodDefaults(&o.Spec.JobTemplate.Spec.Template.Spec, "")
	}
}

func setDefault[T comparable](value *T, to T) {
	if *value == *new(T) {
		*value = to
	}
}

func setPodDefaults(spec *corev1.PodSpec, restart corev1.RestartPolicy) {
	setDefault(&spec.RestartPolicy, restart)
	setDefault(&spec.DNSPolicy, corev1.DNSClusterFirst)
	setDefault(&spec.SchedulerName, corev1.DefaultSchedulerName)
	setDefault(&spec.TerminationGracePeriodSeconds, ptr.To[int64](corev1.DefaultTerminationGracePeriodSeconds))
	setDefault(&spec.SecurityContext, &corev1.PodSecurityContext{})
	for i := range spec.Containers {
		container := &spec.Containers[i]
		setDefault(&container.ImagePullPolicy, corev1.PullIfNotPresent)
		setDefault(&container.TerminationMessagePath, corev1.TerminationMessagePathDefault)
		setDefault(&container.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
		for _, probe := range []*corev1.Probe{container.LivenessProbe, container.ReadinessProbe, container.StartupProbe} {
			if probe != nil {
				setDefault(&probe.TimeoutSeconds, 1)
				setDefault(&probe.PeriodSeconds, 10)
				setDefault(&probe.SuccessThreshold, 1)
				setDefault(&probe.FailureThreshold, 3)
			}
		}
	}
}

func setJobDefaults(spec *batchv1.JobSpec) {
	if spec.Completions == nil && spec.Parallelism == nil {
		spec.Completions = ptr.To[int32](1)
	}
	setDefault(&spec.Parallelism, ptr.To[int32](1))
	setDefault(&spec.BackoffLimit, ptr.To[int32](6))
	setDefault(&spec.Suspend, ptr.To(false))
	setDefault(&spec.CompletionMode, ptr.To(batchv1.NonIndexedCompletion))
	setPodDefaults(&spec.Template.Spec, "")
}

// ownTemplate marks the Pods of a Job as its own, unless it brings a selector.
func ownTemplate(job *batchv1.Job) {
	if job.Spec.Selector != nil || job.UID == types.UID("") {
		return
	}
	own := map[string]string{batchv1.ControllerUidLabel: string(job.UID), batchv1.JobNameLabel: job.Name, "controller-uid": string(job.UID), "job-name": job.Name}
	job.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{batchv1.ControllerUidLabel: string(job.UID)}}
	if job.Spec.Template.Labels == nil {
		job.Spec.Template.Labels = map[string]string{}
	}
	maps.Copy(job.Spec.Template.Labels, own)
}

func validate(object runtime.Object) field.ErrorList {
	spec, template := field.NewPath("spec"), field.NewPath("spec", "template")
	switch o := object.(type) {
	case *corev1.Pod:
		return validatePod(o.Spec, spec)
	case *appsv1.Deployment:
		return append(validateSelector(o.Spec.Selector, o.Spec.Template.Labels), validatePod(o.Spec.Template.Spec, template.Child("spec"))...)
	case *appsv1.StatefulSet:
		return append(validateSelector(o.Spec.Selector, o.Spec.Template.Labels), validatePod(o.Spec.Template.Spec, template.Child("spec"))...)
	case *batchv1.Job:
		return validateRun(o.Spec.Template.Spec, template.Child("spec"))
	case *batchv1.CronJob:
		return validateRun(o.Spec.JobTemplate.Spec.Template.Spec, spec.Child("jobTemplate", "spec", "template", "spec"))
	}
	return nil
}

func validateSelector(selector *metav1.LabelSelector, of labels.Set) field.ErrorList {
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil || parsed.Empty() || !parsed.Matches(of) {
		return field.ErrorList{field.Invalid(field.NewPath("spec", "selector"), selector, "must select the labels of the template")}
	}
	return nil
}

func validateRun(spec corev1.PodSpec, at *field.Path) field.ErrorList {
	if spec.RestartPolicy != corev1.RestartPolicyNever && spec.RestartPolicy != corev1.RestartPolicyOnFailure {
		return field.ErrorList{field.Required(at.Child("restartPolicy"), "valid values: \"OnFailure\", \"Never\"")}
	}
	return validatePod(spec, at)
}

func validatePod(spec corev1.PodSpec, at *field.Path) (found field.ErrorList) {
	if len(spec.Containers) == 0 {
		found = append(found, field.Required(at.Child("containers"), ""))
	}
	volumes := map[string]bool{}
	for _, volume := range spec.Volumes {
		volumes[volume.Name] = true
	}
	for i, container := range spec.Containers {
		here := at.Child("containers").Index(i)
		if container.Name == "" {
			found = append(found, field.Required(here.Child("name"), ""))
		}
		if container.Image == "" {
			found = append(found, field.Required(here.Child("image"), ""))
		}
		for j, mount := range container.VolumeMounts {
			if !volumes[mount.Name] {
				found = append(found, field.NotFound(here.Child("volumeMounts").Index(j).Child("name"), mount.Name))
			}
		}
	}
	return found
}

func validateUpdate(object, old runtime.Object) field.ErrorList {
	var now, before any
	at := field.NewPath("spec", "selector")
	switch o := object.(type) {
	case *appsv1.Deployment:
		now, before = o.Spec.Selector, old.(*appsv1.Deployment).Spec.Selector
	case *batchv1.Job:
		at = field.NewPath("spec", "template")
		now, before = o.Spec.Template, old.(*batchv1.Job).Spec.Template
	}
	if !reflect.DeepEqual(now, before) {
		return field.ErrorList{field.Invalid(at, now, "field is immutable")}
	}
	return nil
}
