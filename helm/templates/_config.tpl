{{/*
The configuration as TOML. Not by `toToml`: the numbers of values are floats, and it would write `calls = 2.0`.
*/}}

{{/* One value. JSON's strings, integers and booleans are TOML's. Printed, a number as large as 10000000 would be 1e+07. */}}
{{- define "sluice.toml.value" -}}
{{- if kindIs "map" . -}}
{ {{- range $index, $key := keys . | sortAlpha -}}
{{- if $index }},{{ end }} {{ $key }} = {{ include "sluice.toml.value" (get $ $key) }}
{{- end }} }
{{- else if kindIs "slice" . -}}
[{{- range $index, $each := . -}}
{{- if $index }}, {{ end }}{{ include "sluice.toml.value" $each }}
{{- end -}}]
{{- else -}}
{{- toRawJson . -}}
{{- end -}}
{{- end -}}

{{/* The lines of one table. */}}
{{- define "sluice.toml.lines" -}}
{{- range $key := keys . | sortAlpha }}
{{ $key }} = {{ include "sluice.toml.value" (get $ $key) }}
{{- end }}
{{- end -}}

{{/* `config` with what the chart itself decides: the listeners, and the files that it mounts. */}}
{{- define "sluice.settings" -}}
{{- $config := deepCopy .Values.config -}}
{{- $server := merge (dict "listen" "0.0.0.0:8080" "admin_listen" "0.0.0.0:9090") (default dict $config.server) -}}
{{- $upstream := default dict $config.upstream -}}
{{- if .Values.tls.existingSecret -}}
{{- $_ := set $server "tls_cert_file" "/etc/sluice/tls/tls.crt" -}}
{{- $_ := set $server "tls_key_file" "/etc/sluice/tls/tls.key" -}}
{{- end -}}
{{- $_ := set $upstream "access_key_id_file" "/etc/sluice/upstream/access_key_id" -}}
{{- $_ := set $upstream "secret_access_key_file" "/etc/sluice/upstream/secret_access_key" -}}
{{- if .Values.upstream.keys.sessionToken -}}
{{- $_ := set $upstream "session_token_file" "/etc/sluice/upstream/session_token" -}}
{{- end -}}
{{- $budget := default dict $config.budget -}}
{{- with .Values.redis.url }}{{ $_ := set $budget "redis_url" . }}{{ end -}}
{{- with .Values.redis.keys.url }}{{ $_ := set $budget "redis_url_file" "/etc/sluice/redis/url" }}{{ end -}}
{{- with .Values.redis.keys.password }}{{ $_ := set $budget "redis_password_file" "/etc/sluice/redis/password" }}{{ end -}}
{{- with .Values.redis.keys.ca }}{{ $_ := set $budget "redis_ca_file" "/etc/sluice/redis/ca.pem" }}{{ end -}}
{{- merge (dict "server" $server "upstream" $upstream "budget" $budget) $config | toJson -}}
{{- end -}}

{{- define "sluice.toml" -}}
{{- $config := include "sluice.settings" . | fromJson -}}
{{- if $config.tenants }}
tenants_file = "tenants.toml"
{{ end }}
{{- range $section := list "server" "upstream" "budget" "queue" "cache" "query" "audit" "telemetry" }}
{{- with get $config $section }}
[{{ $section }}]
{{- include "sluice.toml.lines" . }}
{{ end }}
{{- end }}
{{- range $config.issuers }}
[[issuers]]
{{- include "sluice.toml.lines" . }}
{{ end }}
{{- end -}}

{{- define "sluice.tenants" -}}
{{- range .Values.config.tenants }}
[[tenants]]
{{- include "sluice.toml.lines" . }}
{{ end }}
{{- end -}}

{{/* What no running gateway applies: all but what src/config lists as applying at once. */}}
{{- define "sluice.afterRestart" -}}
{{- $config := include "sluice.settings" . | fromJson -}}
{{- $telemetry := omit (default dict $config.telemetry) "log" -}}
{{- merge (dict "telemetry" $telemetry) (omit $config "issuers" "tenants" "telemetry") | toJson -}}
{{- end -}}

{{/* What rolls the pods when it changes: nothing of the configuration, all of it, or what would wait for a restart. */}}
{{- define "sluice.rolls" -}}
{{- if eq .Values.rolloutOnConfigChange "always" -}}
{{- include "sluice.files" . -}}
{{- else if eq .Values.rolloutOnConfigChange "restart-only" -}}
{{- include "sluice.afterRestart" . -}}
{{- end -}}
{{- end -}}

{{/* The data of the ConfigMap. */}}
{{- define "sluice.files" -}}
sluice.toml: |
  {{- include "sluice.toml" . | trim | nindent 2 }}
{{- if .Values.config.tenants }}
tenants.toml: |
  {{- include "sluice.tenants" . | trim | nindent 2 }}
{{- end }}
{{- end -}}
