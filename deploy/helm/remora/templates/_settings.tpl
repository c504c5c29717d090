{{- /* The environment that open-balena-delta has, and what is Remora's own: (dict "root" $ "budget" the disk's). */ -}}
{{- define "remora.environment" -}}
{{- $budget := .budget -}}
{{- with .root -}}
{{- $hostname := include "remora.hostname" . -}}
- name: BALENA_TLD
  value: {{ $hostname | quote }}
- name: REGISTRY_HOST
  value: {{ default (printf "registry.%s" $hostname) .Values.registryHost | quote }}
- name: TOKEN_AUTH_BUILDER_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ .Values.builderToken.secret }}
      key: {{ .Values.builderToken.key }}
{{- if not (hasKey .Values.env "JWT_ALGO") }}
- name: JWT_ALGO
  value: ES256
{{- end }}
- name: REMORA_PUBLIC_URL
  value: {{ default (printf "https://delta.%s" $hostname) .Values.publicUrl | quote }}
- name: REMORA_DISK_BUDGET
  value: {{ $budget | quote }}
{{- if not (hasKey .Values.env "REMORA_LOG_FORMAT") }}
- name: REMORA_LOG_FORMAT
  value: json
{{- end }}
{{- with .Values.metricsPort }}
- name: REMORA_METRICS_LISTEN
  value: {{ printf "0.0.0.0:%v" . | quote }}
{{- end }}
{{- range $name, $value := .Values.env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end -}}
{{- end -}}

{{- /* The files under /certs, by the names that openBalena gives them. */ -}}
{{- define "remora.certificates" -}}
- secret:
    name: {{ .Values.tokenKey.secret }}
    items:
      - key: {{ .Values.tokenKey.key }}
        path: private/api.{{ include "remora.hostname" . }}.pem
{{- with .Values.caBundle.secret }}
- secret:
    name: {{ . }}
    items:
      - key: {{ $.Values.caBundle.key }}
        path: ca-bundle.pem
{{- end }}
{{- end -}}
