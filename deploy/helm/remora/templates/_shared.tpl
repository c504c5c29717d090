{{- /* What servers have in common that share the queue. */ -}}
{{- define "remora.sharedEnvironment" -}}
{{- with .Values.database.secret }}
- name: REMORA_DATABASE
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.Values.database.key }}
{{- end }}
{{- with .Values.downloadKey.secret }}
- name: REMORA_DOWNLOAD_KEY
  valueFrom:
    secretKeyRef:
      name: {{ . }}
      key: {{ $.Values.downloadKey.key }}
{{- end }}
{{- with .Values.s3.artifacts }}
- name: REMORA_ARTIFACTS
  value: {{ . | quote }}
{{- end }}
{{- with .Values.s3.layerCache }}
- name: REMORA_LAYER_CACHE
  value: {{ . | quote }}
{{- end }}
{{- end -}}

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
{{- $scaling := .Values.workers.autoscaling.kind -}}
{{- if not (has $scaling (list "none" "hpa" "keda")) -}}
{{- fail (printf "workers.autoscaling.kind is %q, and none, hpa or keda are there" $scaling) -}}
{{- end -}}
{{- if and (eq $scaling "hpa") (lt (int .Values.workers.autoscaling.minReplicas) 1) -}}
{{- fail "workers.autoscaling.minReplicas: 0 is for kind keda alone" -}}
{{- end -}}
{{- end -}}

{{- /* Layers of one server among several: a volume that comes and goes with the pod. */ -}}
{{- define "remora.ephemeralData" -}}
ephemeral:
  volumeClaimTemplate:
    metadata:
      labels:
        {{- include "remora.labels" . | nindent 8 }}
    spec:
      {{- include "remora.claimSpec" .Values.persistence | nindent 6 }}
{{- end -}}

{{- define "remora.claimSpec" -}}
accessModes: ["ReadWriteOnce"]
{{- with .storageClass }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end -}}
