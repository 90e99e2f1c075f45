package main

// `kubectl auth can-i`: a review is answered and not kept.

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

type reviews struct{ authorizer authorizer.Authorizer }

func (reviews) New() runtime.Object     { return &authorizationv1.SelfSubjectAccessReview{} }
func (reviews) Destroy()                {}
func (reviews) NamespaceScoped() bool   { return false }
func (reviews) GetSingularName() string { return "selfsubjectaccessreview" }

func (r reviews) Create(ctx context.Context, asked runtime.Object, _ rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	review := asked.(*authorizationv1.SelfSubjectAccessReview)
	who, _ := request.UserFrom(ctx)
	wanted := authorizer.AttributesRecord{User: who}
	if a := review.Spec.ResourceAttributes; a != nil {
		wanted.ResourceRequest, wanted.Verb, wanted.Namespace, wanted.Name = true, a.Verb, a.Namespace, a.Name
		wanted.APIGroup, wanted.Resource, wanted.Subresource = a.Group, a.Resource, a.Subresource
	} else if a := review.Spec.NonResourceAttributes; a != nil {
		wanted.Verb, wanted.Path = a.Verb, a.Path
	}
	decision, reason, err := r.authorizer.Authorize(ctx, wanted)
	review.Status = authorizationv1.SubjectAccessReviewStatus{Allowed: decision == authorizer.DecisionAllow, Reason: reason}
	return review, err
}
