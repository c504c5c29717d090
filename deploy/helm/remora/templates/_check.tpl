{{- /* Stops where values contradict each other. */ -}}
{{- define "remora.check" -}}
{{- if not .Values.database.secret -}}
{{- if gt (int .Values.replicas) 1 -}}
{{- fail "replicas: several servers need a database: set database.secret" -}}
{{- end -}}
{{- if .Values.workers.enabled -}}
{{- fail "workers.enabled: workers need a database: set database.secret" -}}
{{- end -}}
{{- else if .Values.persistence.existingClaim -}}
{{- fail "persistence.existingClaim is for the one server without a database: servers that share one have a data folder each" -}}
{{- end -}}
{{- if lt (int .Values.replicas) 1 -}}
{{- fail "replicas: 1 or more servers answer" -}}
{{- end -}}
{{- if and .Values.s3.secret (not (or .Values.s3.artifacts .Values.s3.layerCache)) -}}
{{- fail "s3.secret is for a bucket: set s3.artifacts or s3.layerCache" -}}
{{- end -}}
{{- if eq (int .Values.metricsPort) 80 -}}
{{- fail "metricsPort: 80 is where devices come; 0 answers /metrics there too" -}}
{{- end -}}
{{- include "remora.checkWorkers" . -}}
{{- include "remora.checkEnvironment" . -}}
{{- end -}}

{{- define "remora.checkWorkers" -}}
{{- $scaling := .Values.workers.autoscaling -}}
{{- if not (has $scaling.kind (list "none" "hpa" "keda")) -}}
{{- fail (printf "workers.autoscaling.kind is %q, and none, hpa or keda are there" $scaling.kind) -}}
{{- end -}}
{{- if and (ne $scaling.kind "none") (not .Values.workers.enabled) -}}
{{- fail "workers.autoscaling.kind: there are no workers to scale: set workers.enabled" -}}
{{- end -}}
{{- if and (eq $scaling.kind "hpa") (lt (int $scaling.minReplicas) 1) -}}
{{- fail "workers.autoscaling.minReplicas: 0 is for kind keda alone" -}}
{{- end -}}
{{- if gt (int $scaling.minReplicas) (int $scaling.maxReplicas) -}}
{{- fail "workers.autoscaling.minReplicas is more than maxReplicas" -}}
{{- end -}}
{{- if lt (int .Values.workers.builds) 1 -}}
{{- fail "workers.builds: a worker without builds does nothing" -}}
{{- end -}}
{{- end -}}

{{- /* Kubernetes takes the last of two variables with one name and tells nobody; a password belongs into a secret. */ -}}
{{- define "remora.checkEnvironment" -}}
{{- $values := dict
  "BALENA_TLD" "hostname" "REGISTRY_HOST" "registryHost" "TOKEN_AUTH_BUILDER_TOKEN" "builderToken.secret"
  "REMORA_BUILDER_TOKEN" "builderToken.secret" "REMORA_PUBLIC_URL" "publicUrl" "REMORA_DISK_BUDGET" "persistence.budget"
  "REMORA_METRICS_LISTEN" "metricsPort" "REMORA_DATABASE" "database.secret" "REMORA_DOWNLOAD_KEY" "downloadKey.secret"
  "REMORA_ARTIFACTS" "s3.artifacts" "REMORA_ARTIFACTS_PLAIN_HTTP" "s3.plainHttp" "REMORA_LAYER_CACHE" "s3.layerCache"
  "REMORA_LAYER_CACHE_PLAIN_HTTP" "s3.plainHttp" "AWS_SECRET_ACCESS_KEY" "s3.secret" "REMORA_ROLE" "workers.enabled" -}}
{{- if .Values.workers.enabled -}}
{{- $_ := set $values "REMORA_MAX_BUILDS" "workers.builds" -}}
{{- end -}}
{{- range $name, $_ := .Values.env -}}
{{- with get $values $name -}}
{{- fail (printf "env.%s: set %s instead" $name .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
