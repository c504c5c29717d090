{{- define "remora.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* What this chart's own objects find its pod by; nothing else carries it. */ -}}
{{- define "remora.selectorLabels" -}}
remora.delta/server: {{ include "remora.fullname" . | quote }}
{{- end -}}

{{- define "remora.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
app.kubernetes.io/part-of: remora
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "remora.selectorLabels" . }}
{{- end -}}

{{- define "remora.hostname" -}}
{{- required "hostname is needed: the base host name of openBalena" .Values.hostname -}}
{{- end -}}

{{- define "remora.claim" -}}
{{- default (include "remora.fullname" .) .Values.persistence.existingClaim -}}
{{- end -}}

{{- define "remora.workers" -}}
{{- printf "%s-workers" (include "remora.fullname" . | trunc 55 | trimSuffix "-") -}}
{{- end -}}

{{- /* What workers are found by: another name than the servers have, so that no device comes to a worker. */ -}}
{{- define "remora.workerSelectorLabels" -}}
remora.delta/worker: {{ include "remora.fullname" . | quote }}
{{- end -}}

{{- define "remora.workerLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
app.kubernetes.io/part-of: remora
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{ include "remora.workerSelectorLabels" . }}
{{- end -}}
