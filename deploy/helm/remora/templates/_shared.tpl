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
{{- if and .Values.s3.plainHttp .Values.s3.artifacts }}
- name: REMORA_ARTIFACTS_PLAIN_HTTP
  value: "true"
{{- end }}
{{- if and .Values.s3.plainHttp .Values.s3.layerCache }}
- name: REMORA_LAYER_CACHE_PLAIN_HTTP
  value: "true"
{{- end }}
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
