package main

// The built-in kinds that are served. Their versioned Go types double as the internal ones.

import (
	"reflect"

	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	crdv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

var (
	scheme      = runtime.NewScheme()
	codecs      = serializer.NewCodecFactory(scheme)
	crdVersions = []schema.GroupVersion{crdv1beta1.SchemeGroupVersion, crdv1.SchemeGroupVersion}
)

type kind struct {
	version      schema.GroupVersion
	plural       string
	object, list runtime.Object
	scope        scope
	short        []string
}

type scope bool

const (
	inNamespace scope = false
	inCluster   scope = true
)

var kinds = []kind{
	{corev1.SchemeGroupVersion, "namespaces", &corev1.Namespace{}, &corev1.NamespaceList{}, inCluster, []string{"ns"}},
	{corev1.SchemeGroupVersion, "nodes", &corev1.Node{}, &corev1.NodeList{}, inCluster, []string{"no"}},
	{corev1.SchemeGroupVersion, "configmaps", &corev1.ConfigMap{}, &corev1.ConfigMapList{}, inNamespace, []string{"cm"}},
	{corev1.SchemeGroupVersion, "secrets", &corev1.Secret{}, &corev1.SecretList{}, inNamespace, nil},
	{corev1.SchemeGroupVersion, "serviceaccounts", &corev1.ServiceAccount{}, &corev1.ServiceAccountList{}, inNamespace, []string{"sa"}},
	{corev1.SchemeGroupVersion, "services", &corev1.Service{}, &corev1.ServiceList{}, inNamespace, []string{"svc"}},
	{corev1.SchemeGroupVersion, "pods", &corev1.Pod{}, &corev1.PodList{}, inNamespace, []string{"po"}},
	{corev1.SchemeGroupVersion, "events", &corev1.Event{}, &corev1.EventList{}, inNamespace, []string{"ev"}},
	{corev1.SchemeGroupVersion, "persistentvolumeclaims", &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolumeClaimList{}, inNamespace, []string{"pvc"}},
	{corev1.SchemeGroupVersion, "resourcequotas", &corev1.ResourceQuota{}, &corev1.ResourceQuotaList{}, inNamespace, []string{"quota"}},
	{corev1.SchemeGroupVersion, "limitranges", &corev1.LimitRange{}, &corev1.LimitRangeList{}, inNamespace, []string{"limits"}},
	{appsv1.SchemeGroupVersion, "deployments", &appsv1.Deployment{}, &appsv1.DeploymentList{}, inNamespace, []string{"deploy"}},
	{appsv1.SchemeGroupVersion, "replicasets", &appsv1.ReplicaSet{}, &appsv1.ReplicaSetList{}, inNamespace, []string{"rs"}},
	{appsv1.SchemeGroupVersion, "statefulsets", &appsv1.StatefulSet{}, &appsv1.StatefulSetList{}, inNamespace, []string{"sts"}},
	{appsv1.SchemeGroupVersion, "daemonsets", &appsv1.DaemonSet{}, &appsv1.DaemonSetList{}, inNamespace, []string{"ds"}},
	{batchv1.SchemeGroupVersion, "jobs", &batchv1.Job{}, &batchv1.JobList{}, inNamespace, nil},
	{batchv1.SchemeGroupVersion, "cronjobs", &batchv1.CronJob{}, &batchv1.CronJobList{}, inNamespace, []string{"cj"}},
	{coordinationv1.SchemeGroupVersion, "leases", &coordinationv1.Lease{}, &coordinationv1.LeaseList{}, inNamespace, nil},
	{discoveryv1.SchemeGroupVersion, "endpointslices", &discoveryv1.EndpointSlice{}, &discoveryv1.EndpointSliceList{}, inNamespace, nil},
	{eventsv1.SchemeGroupVersion, "events", &eventsv1.Event{}, &eventsv1.EventList{}, inNamespace, []string{"ev"}},
	{rbacv1.SchemeGroupVersion, "roles", &rbacv1.Role{}, &rbacv1.RoleList{}, inNamespace, nil},
	{rbacv1.SchemeGroupVersion, "rolebindings", &rbacv1.RoleBinding{}, &rbacv1.RoleBindingList{}, inNamespace, nil},
	{rbacv1.SchemeGroupVersion, "clusterroles", &rbacv1.ClusterRole{}, &rbacv1.ClusterRoleList{}, inCluster, nil},
	{rbacv1.SchemeGroupVersion, "clusterrolebindings", &rbacv1.ClusterRoleBinding{}, &rbacv1.ClusterRoleBindingList{}, inCluster, nil},
	{networkingv1.SchemeGroupVersion, "ingresses", &networkingv1.Ingress{}, &networkingv1.IngressList{}, inNamespace, []string{"ing"}},
	{networkingv1.SchemeGroupVersion, "networkpolicies", &networkingv1.NetworkPolicy{}, &networkingv1.NetworkPolicyList{}, inNamespace, []string{"netpol"}},
	{policyv1.SchemeGroupVersion, "poddisruptionbudgets", &policyv1.PodDisruptionBudget{}, &policyv1.PodDisruptionBudgetList{}, inNamespace, []string{"pdb"}},
}

// Kinds that are spoken, but not kept.
var transient = map[schema.GroupVersion]runtime.Object{
	authenticationv1.SchemeGroupVersion: &authenticationv1.TokenRequest{},
	authorizationv1.SchemeGroupVersion:  &authorizationv1.SelfSubjectAccessReview{},
	autoscalingv1.SchemeGroupVersion:    &autoscalingv1.Scale{},
}

func init() {
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, authenticationv1.AddToScheme, authorizationv1.AddToScheme, autoscalingv1.AddToScheme,
		batchv1.AddToScheme, coordinationv1.AddToScheme, discoveryv1.AddToScheme, eventsv1.AddToScheme, networkingv1.AddToScheme,
		policyv1.AddToScheme, rbacv1.AddToScheme,
	} {
		utilruntime.Must(add(scheme))
	}
	internal := func(version schema.GroupVersion) schema.GroupVersion {
		return schema.GroupVersion{Group: version.Group, Version: runtime.APIVersionInternal}
	}
	for _, k := range kinds {
		scheme.AddKnownTypes(internal(k.version), k.object, k.list)
	}
	for version, object := range transient {
		scheme.AddKnownTypes(internal(version), object)
	}
	for _, k := range kinds { // which fields exist is decided by `attributes`
		utilruntime.Must(scheme.AddFieldLabelConversionFunc(k.version.WithKind(reflect.TypeOf(k.object).Elem().Name()),
			func(field, value string) (string, string, error) { return field, value, nil }))
	}
}
