package main

// Authorization by roles and bindings. Aggregated cluster roles are not put together, and who writes a role may grant
// more than they hold.

import (
	"context"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// What Kubernetes grants by roles that are there from the beginning.
var (
	everybody     = rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/healthz", "/livez", "/readyz", "/version"}}
	authenticated = []rbacv1.PolicyRule{everybody,
		{Verbs: []string{"get"}, NonResourceURLs: []string{"/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"}},
		{Verbs: []string{"create"}, APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"selfsubjectaccessreviews"}},
	}
)

type roles struct{ stores stores }

func newAuthorizer(s stores) authorizer.Authorizer { return roles{s} }

// Authorize allows what a rule that is bound to the user allows.
func (r roles) Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	groups := a.GetUser().GetGroups()
	if slices.Contains(groups, user.SystemPrivilegedGroup) || allows(everybody, a) {
		return authorizer.DecisionAllow, "", nil
	}
	if slices.Contains(groups, user.AllAuthenticated) && slices.ContainsFunc(authenticated, func(rule rbacv1.PolicyRule) bool { return allows(rule, a) }) {
		return authorizer.DecisionAllow, "", nil
	}
	for _, namespace := range slices.Compact([]string{"", a.GetNamespace()}) {
		rules, err := r.rules(request.WithNamespace(ctx, namespace), namespace, a.GetUser())
		if err != nil {
			return authorizer.DecisionNoOpinion, "", err
		}
		for _, rule := range rules {
			if allows(rule, a) {
				return authorizer.DecisionAllow, "", nil
			}
		}
	}
	return authorizer.DecisionNoOpinion, "no role that is bound to the user allows it", nil
}

// rules are those of the bindings of a namespace, or of the cluster's where there is none, that name the user.
func (r roles) rules(ctx context.Context, namespace string, who user.Info) (rules []rbacv1.PolicyRule, err error) {
	kind := "rolebindings"
	if namespace == "" {
		kind = "clusterrolebindings"
	}
	listed, err := r.stores[kind].List(ctx, &internalversion.ListOptions{})
	if err != nil {
		return nil, err
	}
	add := func(subjects []rbacv1.Subject, role rbacv1.RoleRef) {
		if !slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool { return means(s, namespace, who) }) {
			return
		}
		if role.Kind == "Role" {
			if found, err := r.stores["roles"].Get(ctx, role.Name, &metav1.GetOptions{}); err == nil {
				rules = append(rules, found.(*rbacv1.Role).Rules...)
			}
		} else if found, err := r.stores["clusterroles"].Get(request.WithNamespace(ctx, ""), role.Name, &metav1.GetOptions{}); err == nil {
			rules = append(rules, found.(*rbacv1.ClusterRole).Rules...)
		}
	}
	switch list := listed.(type) {
	case *rbacv1.RoleBindingList:
		for _, binding := range list.Items {
			add(binding.Subjects, binding.RoleRef)
		}
	case *rbacv1.ClusterRoleBindingList:
		for _, binding := range list.Items {
			add(binding.Subjects, binding.RoleRef)
		}
	}
	return rules, nil
}

func means(subject rbacv1.Subject, namespace string, who user.Info) bool {
	switch subject.Kind {
	case rbacv1.UserKind:
		return subject.Name == who.GetName()
	case rbacv1.GroupKind:
		return slices.Contains(who.GetGroups(), subject.Name)
	default:
		if subject.Namespace != "" {
			namespace = subject.Namespace
		}
		return serviceaccount.MatchesUsername(namespace, subject.Name, who.GetName())
	}
}

func allows(rule rbacv1.PolicyRule, a authorizer.Attributes) bool {
	if !has(rule.Verbs, a.GetVerb()) {
		return false
	}
	if !a.IsResourceRequest() {
		return slices.ContainsFunc(rule.NonResourceURLs, func(url string) bool {
			prefix, open := strings.CutSuffix(url, "*")
			return url == a.GetPath() || open && strings.HasPrefix(a.GetPath(), prefix)
		})
	}
	resource := a.GetResource()
	anyResource := false
	if a.GetSubresource() != "" {
		resource += "/" + a.GetSubresource()
		anyResource = slices.Contains(rule.Resources, "*/"+a.GetSubresource())
	}
	return has(rule.APIGroups, a.GetAPIGroup()) && (anyResource || has(rule.Resources, resource)) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, a.GetName()))
}

func has(list []string, value string) bool {
	return slices.Contains(list, "*") || slices.Contains(list, value)
}
