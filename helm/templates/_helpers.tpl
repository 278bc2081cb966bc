{{/* Room for the longest suffix, `-admin`, within the 63 characters of a Service's name. */}}
{{- define "sluice.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $usual := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $usual .Values.fullnameOverride | trunc 57 | trimSuffix "-" -}}
{{- end -}}

{{/* What never changes in the life of a release: a Deployment's selector is immutable. */}}
{{- define "sluice.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "sluice.labels" -}}
{{ include "sluice.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "sluice.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "sluice.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "sluice.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" where replicas share a Redis, else nothing. */}}
{{- define "sluice.shared" -}}
{{- if or .Values.redis.url .Values.redis.existingSecret -}}true{{- end -}}
{{- end -}}

{{/* The name of the public port, which is also the scheme that it speaks. */}}
{{- define "sluice.publicPort" -}}
{{- ternary "https" "http" (not (empty .Values.tls.existingSecret)) -}}
{{- end -}}

{{/* The fewest replicas that are meant to run. */}}
{{- define "sluice.replicas" -}}
{{- ternary .Values.autoscaling.minReplicas .Values.replicaCount .Values.autoscaling.enabled | int -}}
{{- end -}}

{{/* "true" where a PodDisruptionBudget is of use: with one replica it would do nothing, or block every drain. */}}
{{- define "sluice.disruptionBudget" -}}
{{- if and .Values.podDisruptionBudget.enabled (gt (include "sluice.replicas" . | int) 1) -}}true{{- end -}}
{{- end -}}

{{/* A duration of the configuration ("250ms", "30s", "2m", "1h", "1d") in milliseconds. */}}
{{- define "sluice.milliseconds" -}}
{{- $scales := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 -}}
{{- mul (regexFind "^[0-9]+" . | int64) (get $scales (regexFind "[a-z]+$" .)) -}}
{{- end -}}

{{/* A size in bytes: of the configuration ("256MiB", 268435456) or of Kubernetes ("512Mi", "1G"). */}}
{{- define "sluice.bytes" -}}
{{- $text := include "sluice.toml.value" . | trimAll "\"" | trimSuffix "B" -}}
{{- $scales := dict "" 1 "k" 1000 "K" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 -}}
{{- $scales = merge $scales (dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776) -}}
{{- /* Half a mebibyte more or less does not matter here, so 1.5Gi may pass through a float. */ -}}
{{- mulf (regexFind "^[0-9.]+" $text | float64) (get $scales (regexFind "[A-Za-z]*$" $text)) | int64 -}}
{{- end -}}
