{{- define "eo.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "eo.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "eo.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "eo.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Labels of an object: (list $ "component"). */}}
{{- define "eo.labels" -}}
{{- $root := index . 0 -}}
{{ include "eo.selector" . }}
app.kubernetes.io/part-of: electrum-observatory
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* By which pods are found: never changes. Campaigns' pods have the campaign as instance. */}}
{{- define "eo.selector" -}}
app.kubernetes.io/name: electrum-observatory
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end -}}

{{/* Pods of the campaigns, which the operator makes. */}}
{{- define "eo.campaignSelector" -}}
app.kubernetes.io/name: electrum-observatory
app.kubernetes.io/component: {{ . }}
{{- end -}}

{{/* An image by digest or tag: (list image defaultTag). */}}
{{- define "eo.imageOf" -}}
{{- $image := index . 0 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default (index . 1) $image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "eo.image" -}}
{{- include "eo.imageOf" (list .Values.image .Chart.AppVersion) -}}
{{- end -}}

{{- define "eo.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What every pod is: the `restricted` Pod Security standard. The argument is the user. */}}
{{- define "eo.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  fsGroup: {{ . }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
enableServiceLinks: false
{{- end -}}

{{- define "eo.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* Where pods are placed: values of a component. */}}
{{- define "eo.placement" -}}
{{- with .nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "eo.dataClaim" -}}
{{- default (printf "%s-data" (include "eo.fullname" .)) .Values.data.existingClaim -}}
{{- end -}}

{{/* Redis, as everybody reaches it: the chart's own, or another. */}}
{{- define "eo.redisUrl" -}}
{{- if .Values.redis.external.url -}}
{{- .Values.redis.external.url -}}
{{- else -}}
{{- printf "%s://%s-redis.%s.svc:6379" (ternary "rediss" "redis" (ne .Values.redis.tls.secret "")) (include "eo.fullname" .) .Release.Namespace -}}
{{- end -}}
{{- end -}}

{{/* The Secret with its user and password; empty where it wants none. */}}
{{- define "eo.redisSecret" -}}
{{- if .Values.redis.external.url -}}
{{- .Values.redis.external.secret -}}
{{- else -}}
{{- default (printf "%s-redis" (include "eo.fullname" .)) .Values.redis.existingSecret -}}
{{- end -}}
{{- end -}}

{{/* The Secret with who signed its certificate; empty where browsers trust it, or there is none. */}}
{{- define "eo.redisCaSecret" -}}
{{- if .Values.redis.external.url -}}
{{- .Values.redis.external.caSecret -}}
{{- else -}}
{{- .Values.redis.tls.secret -}}
{{- end -}}
{{- end -}}

{{/* Mounts and volumes of whoever speaks to Redis. */}}
{{- define "eo.redisMounts" -}}
{{- if include "eo.redisSecret" . }}
- {name: redis, mountPath: /etc/observatory/redis, readOnly: true}
{{- end }}
{{- if include "eo.redisCaSecret" . }}
- {name: redis-ca, mountPath: /etc/observatory/redis-ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "eo.redisVolumes" -}}
{{- with include "eo.redisSecret" . }}
- name: redis
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: username, path: username}, {key: password, path: password}]
{{- end }}
{{- with include "eo.redisCaSecret" . }}
- name: redis-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items: [{key: ca.crt, path: ca.crt}]
{{- end }}
{{- end -}}

{{/* A service account that may do nothing: (list $ "component"). */}}
{{- define "eo.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "eo.fullname" (index . 0) }}-{{ index . 1 }}
  namespace: {{ (index . 0).Release.Namespace }}
  labels: {{- include "eo.labels" . | nindent 4 }}
automountServiceAccountToken: false
{{- end -}}
