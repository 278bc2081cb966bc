{{/* Each prints a line for each contradiction that it finds, and what to do instead; nothing where all is well. */}}

{{- define "sluice.check.secrets" -}}
{{- $upstream := default dict .Values.config.upstream -}}
{{- $budget := default dict .Values.config.budget -}}
{{- if not .Values.upstream.existingSecret }}
* upstream.existingSecret is missing: create a Secret with the master key's id and secret, and name it there.
{{- end }}
{{- range list "access_key_id" "secret_access_key" "session_token" }}
{{- if or (hasKey $upstream .) (hasKey $upstream (printf "%s_file" .)) }}
* config.upstream.{{ . }} does not belong in a ConfigMap: put it into a Secret, and name that in upstream.existingSecret and its key in upstream.keys.
{{- end }}
{{- end }}
{{- range list "redis_url" "redis_password" "redis_ca" }}
{{- if or (hasKey $budget .) (hasKey $budget (printf "%s_file" .)) }}
* config.budget.{{ . }} is set by the chart: use redis.url, or redis.existingSecret and redis.keys.
{{- end }}
{{- end }}
{{- with .Values.redis }}
{{- if regexMatch "://.*:.+@" .url }}
* redis.url holds a password, and would stand in a ConfigMap: put the URL into a Secret, and name that in redis.existingSecret and its key in redis.keys.url.
{{- end }}
{{- if and .url .keys.url }}
* redis.url and redis.keys.url both say where Redis is: keep one of them.
{{- end }}
{{- if and .existingSecret (not (or .url .keys.url)) }}
* redis.existingSecret is there, and the URL is not: name its key in redis.keys.url, or set redis.url.
{{- end }}
{{- if and .existingSecret (not (or .keys.url .keys.password .keys.ca)) }}
* redis.existingSecret is there, and nothing is taken from it: name at least one key in redis.keys, or leave the Secret out.
{{- end }}
{{- if and (not .existingSecret) (or .keys.url .keys.password .keys.ca) }}
* redis.keys names keys of no Secret: name the Secret in redis.existingSecret.
{{- end }}
{{- end }}
{{- range $index, $issuer := default list .Values.config.issuers }}
{{- range list "secret" "signing_key" }}
{{- if hasKey $issuer . }}
* config.issuers[{{ $index }}].{{ . }} does not belong in a ConfigMap: mount a Secret by extraSecrets, and name the file in {{ . }}_file.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "sluice.check.settings" -}}
{{- $server := default dict .Values.config.server -}}
{{- if ne (default "0.0.0.0:8080" $server.listen) "0.0.0.0:8080" }}
* config.server.listen is 0.0.0.0:8080 in a pod: leave it out.
{{- end }}
{{- if ne (default "0.0.0.0:9090" $server.admin_listen) "0.0.0.0:9090" }}
* config.server.admin_listen is 0.0.0.0:9090 in a pod, where the kubelet's probes reach it: leave it out, and keep others away with networkPolicy.adminPeers.
{{- end }}
{{- range list "tls_cert_file" "tls_key_file" }}
{{- if hasKey $server . }}
* config.server.{{ . }} is set by the chart: put certificate and key into a Secret of the type kubernetes.io/tls, and name that in tls.existingSecret.
{{- end }}
{{- end }}
{{- if hasKey .Values.config "tenants_file" }}
* config.tenants_file is set by the chart: write the tenants under config.tenants.
{{- end }}
{{- if not .Values.config.issuers }}
* config.issuers is empty, and no token could be believed: describe at least one issuer.
{{- end }}
{{- $mounted := list -}}
{{- range concat .Values.extraSecrets .Values.extraVolumeMounts }}{{ $mounted = append $mounted .mountPath }}{{ end -}}
{{- with dig "audit" "file" "" .Values.config }}
{{- $file := . -}}
{{- $there := eq $file "stdout" -}}
{{- range $.Values.extraVolumeMounts }}{{ if hasPrefix (printf "%s/" (trimSuffix "/" .mountPath)) $file }}{{ $there = not (default false .readOnly) }}{{ end }}{{ end -}}
{{- if not $there }}
* config.audit.file is {{ . }}, and the pod cannot write there: mount a volume by extraVolumes and extraVolumeMounts and write the whole path, or take stdout.
{{- end }}
{{- end }}
{{- range $index, $issuer := default list .Values.config.issuers }}
{{- range list "secret_file" "public_key_file" "jwks_file" "signing_key_file" }}
{{- with get $issuer . }}
{{- $file := . -}}
{{- $there := false -}}
{{- range $mounted }}{{ if hasPrefix (printf "%s/" (trimSuffix "/" .)) $file }}{{ $there = true }}{{ end }}{{ end -}}
{{- if not $there }}
* config.issuers[{{ $index }}] names the file {{ . }}, which is not in the pod: mount what holds it by extraSecrets, or by extraVolumes and extraVolumeMounts, and write the whole path.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "sluice.check.replicas" -}}
{{- if not (include "sluice.shared" .) }}
{{- if and (gt (int .Values.replicaCount) 1) (not .Values.autoscaling.enabled) }}
* replicaCount is {{ .Values.replicaCount }} without Redis, and each replica would spend the whole budget: set redis.url or redis.existingSecret, or keep one replica.
{{- end }}
{{- if .Values.autoscaling.enabled }}
* autoscaling is enabled without Redis, and each replica would spend the whole budget: set redis.url or redis.existingSecret, or disable it.
{{- end }}
{{- end }}
{{- with .Values.autoscaling }}
{{- if .enabled }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
* autoscaling.minReplicas is {{ .minReplicas }}, more than autoscaling.maxReplicas, {{ .maxReplicas }}: exchange them.
{{- end }}
{{- if not (dig "requests" "cpu" "" $.Values.resources) }}
* autoscaling measures against resources.requests.cpu, which is missing: set it.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "sluice.check.disruption" -}}
{{- $replicas := include "sluice.replicas" . | int -}}
{{- if include "sluice.disruptionBudget" . }}
{{- with .Values.podDisruptionBudget }}
{{- if lt (int .maxUnavailable) 1 }}
* podDisruptionBudget.maxUnavailable is 0, and no node could ever be drained: set it to 1.
{{- end }}
{{- if ge (int .maxUnavailable) $replicas }}
* podDisruptionBudget.maxUnavailable is {{ .maxUnavailable }} of {{ $replicas }} replicas, and protects none: set it to 1, or disable the budget.
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "sluice.check.routes" -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
* ingress is enabled and would take every host: name the gateway's own in ingress.hosts.
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.hostnames) }}
* httpRoute is enabled and would take every host: name the gateway's own in httpRoute.hostnames.
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
* httpRoute is enabled and hangs on no Gateway: name one in httpRoute.parentRefs.
{{- end }}
{{- end -}}

{{- define "sluice.check.pod" -}}
{{- $drain := dig "server" "drain" "30s" .Values.config -}}
{{- $call := dig "upstream" "timeout" "10s" .Values.config -}}
{{- $least := add (include "sluice.milliseconds" $drain) (include "sluice.milliseconds" $call) 7000 -}}
{{- if lt (mul .Values.terminationGracePeriodSeconds 1000) $least }}
* terminationGracePeriodSeconds is {{ .Values.terminationGracePeriodSeconds }}, and a replica would be killed while it drains: set it to at least {{ div (add $least 999) 1000 }}, which is config.server.drain ({{ $drain }}), config.upstream.timeout ({{ $call }}) and 7 s.
{{- end }}
{{- with dig "limits" "memory" "" .Values.resources }}
{{- $held := dig "cache" "max_bytes" "256MiB" $.Values.config -}}
{{- if lt (include "sluice.bytes" . | int64) (add (include "sluice.bytes" $held | int64) 134217728) }}
* resources.limits.memory is {{ . }}, and a full cache would have the pod killed: allow at least 128Mi more than config.cache.max_bytes, which is {{ include "sluice.toml.value" $held | trimAll "\"" }}.
{{- end }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if hasPrefix "SLUICE_" .name }}
* extraEnv sets {{ .name }}, which would overrule the configuration unseen by these checks: write it under config, and secrets by existingSecret.
{{- end }}
{{- end }}
{{- range .Values.extraVolumeMounts }}
{{- if or (hasKey . "subPath") (hasKey . "subPathExpr") }}
* extraVolumeMounts has a subPath for {{ .mountPath }}, which never sees a change: mount the directory.
{{- end }}
{{- end }}
{{- range concat .Values.extraSecrets .Values.extraVolumeMounts }}
{{- if regexMatch "^/(etc(/sluice(/(config|upstream|redis|tls)(/.*)?)?)?/?)?$" .mountPath }}
* {{ .mountPath }} would cover what the chart or the image has there: mount it elsewhere, such as /etc/sluice/extra.
{{- end }}
{{- end }}
{{- end -}}

{{- define "sluice.check.monitoring" -}}
{{- with .Values.monitoring.serviceMonitor }}
{{- if .enabled }}
{{- if and $.Values.networkPolicy.enabled (not $.Values.networkPolicy.adminPeers) }}
* monitoring.serviceMonitor is enabled, and the network policy lets nobody reach 9090: name Prometheus's pods in networkPolicy.adminPeers.
{{- end }}
{{- if and .scrapeTimeout (gt (include "sluice.milliseconds" .scrapeTimeout | int64) (include "sluice.milliseconds" .interval | int64)) }}
* monitoring.serviceMonitor.scrapeTimeout is {{ .scrapeTimeout }}, longer than its interval, {{ .interval }}, and the operator would pass over it: make it shorter, or leave it out.
{{- end }}
{{- if and $.Values.monitoring.prometheusRule.enabled (gt (include "sluice.milliseconds" .interval | int64) 30000) }}
* monitoring.serviceMonitor.interval is {{ .interval }}, and the rules look at windows of a minute, with two scrapes in each: set it to 30s at most.
{{- end }}
{{- end }}
{{- end }}
{{- $files := dict "prometheusRule" "alerts.yaml" "dashboard" "dashboard.json" -}}
{{- range $what, $file := $files }}
{{- if and (get $.Values.monitoring $what).enabled (not ($.Files.Get (printf "files/%s" $file))) }}
* monitoring.{{ $what }} is enabled, and this copy of the chart lacks files/{{ $file }}: take the chart whole, or disable it.
{{- end }}
{{- end }}
{{- end -}}
